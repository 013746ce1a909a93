// The synthetic market: the same seed, the same ticks; faults at the rates that are set.

import Events
import Feeds
import Testing

@Suite struct SyntheticMarketTests {
  private static func ticks(_ configuration: SyntheticConfiguration, count: Int, stepNanos: Int64) -> [Tick] {
    var market = SyntheticMarket(configuration)
    var ticks: [Tick] = []
    var time: Int64 = 1_700_000_000_000_000_000
    while ticks.count < count {
      market.next(at: Timestamp(nanos: time), into: &ticks)
      time += stepNanos
    }
    return ticks
  }

  @Test func theSameSeedGivesTheSameTicks() {
    var configuration = SyntheticConfiguration()
    configuration.instruments = 40
    configuration.sources = 9
    let first = Self.ticks(configuration, count: 50_000, stepNanos: 1_000_000)
    #expect(first == Self.ticks(configuration, count: 50_000, stepNanos: 1_000_000))
    configuration.seed = 2
    #expect(first != Self.ticks(configuration, count: 50_000, stepNanos: 1_000_000))
  }

  /// The bytes of today's ticks are those of every later version: a recorded run can be made again.
  @Test func theFirstTicksAreKnown() {
    let ticks = Self.ticks(SyntheticConfiguration(), count: 4, stepNanos: 1_000_000_000)
    #expect(ticks.map(\.text) == Self.known)
  }

  private static let known = [
    "trade BNB/USD 691.23 x 1.022607 sell #1 at 2023-11-14T22:13:20Z",
    "trade ADA/USD 0.9102 x 22.5753 sell #1 at 2023-11-14T22:13:21Z",
    "trade LTC/USD 103.87 x 17.507812 sell #1 at 2023-11-14T22:13:22Z",
    "trade LINK/USD 20.1306 x 6.0729 sell #1 at 2023-11-14T22:13:23Z",
  ]

  @Test func namesAreThoseOfTheDesign() {
    var configuration = SyntheticConfiguration()
    configuration.instruments = 14
    configuration.sources = 9
    let market = SyntheticMarket(configuration)
    #expect(Array(market.instruments.prefix(6)) == ["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "DOGE/USD", "ADA/USD"])
    #expect(Array(market.instruments.suffix(2)) == ["SYN0012/USD", "SYN0013/USD"])
    #expect(
      market.sourceNames
        == ["binance", "coinbase", "kucoin", "okx", "huobi", "kraken", "coingecko", "source8", "source9"])
  }

  @Test func withoutFaultsEverySequenceIsWholeAndTimesNeverGoBack() {
    var configuration = SyntheticConfiguration().faultless
    configuration.sources = 7
    let ticks = Self.ticks(configuration, count: 100_000, stepNanos: 1_000_000)
    var last: [String: Int64] = [:]
    var time = Int64.min
    for tick in ticks {
      let key = tick.instrument + tick.source
      #expect(tick.sequence == (last[key] ?? 0) + 1)
      last[key] = tick.sequence
      #expect(tick.price.raw > 0 && tick.eventTime.nanos > time)
      #expect((tick.kind == .trade) == (tick.volume.raw > 0))
      if tick.source == "coingecko" { #expect(tick.kind == .quote) }
      time = tick.eventTime.nanos
    }
    #expect(last.count == 12 * 7)
    let buys = ticks.count { $0.side == .buy }
    let sells = ticks.count { $0.side == .sell }
    #expect(abs(buys - sells) < ticks.count / 50, "\(buys) bought, \(sells) sold")
  }

  @Test func faultsComeAtTheirRates() {
    var configuration = SyntheticConfiguration()
    configuration.outliersPerMillion = 1_000
    configuration.latePerMillion = 2_000
    configuration.duplicatesPerMillion = 3_000
    configuration.dropOutsPerMillion = 200
    let count = 500_000
    let ticks = Self.ticks(configuration, count: count, stepNanos: 1_000_000)
    var duplicates = 0
    var late = 0
    var gaps = 0
    var outliers = 0
    var newest = Int64.min
    var last: [String: Tick] = [:]
    for (index, tick) in ticks.enumerated() {
      if index > 0, tick == ticks[index - 1] { duplicates += 1; continue }
      if tick.kind == .gap { gaps += 1; continue }
      if tick.eventTime.nanos < newest { late += 1 }
      newest = max(newest, tick.eventTime.nanos)
      if let before = last[tick.instrument], before.price.raw * 104 / 100 < tick.price.raw { outliers += 1 }
      last[tick.instrument] = tick
    }
    #expect((1_350...1_650).contains(duplicates), "\(duplicates) duplicates of \(count)")
    #expect((850...1_150).contains(late), "\(late) late of \(count)")
    #expect((200...800).contains(outliers), "\(outliers) outliers up of \(count)")
    #expect(gaps > 100, "\(gaps) gaps of \(count)")
  }

  @Test func aSilentSourceIsSilentAndItsReturnShowsAsAGap() {
    var configuration = SyntheticConfiguration().faultless
    configuration.instruments = 1
    configuration.sources = 3
    configuration.dropOutsPerMillion = 2_000
    let ticks = Self.ticks(configuration, count: 50_000, stepNanos: 10_000_000)
    var lastOfSource: [String: Int64] = [:]
    var silences = 0
    for (index, tick) in ticks.enumerated() {
      if let before = lastOfSource[tick.source], tick.eventTime.nanos - before > 1_000_000_000 {
        silences += 1
        #expect(tick.kind == .gap)
        #expect(ticks[index + 1].sequence == tick.sequence)
      }
      lastOfSource[tick.source] = tick.eventTime.nanos
    }
    #expect(silences > 5)
  }

  /// Prices stay near a common one, however long the walk.
  @Test func pricesStayWithinBounds() {
    var configuration = SyntheticConfiguration().faultless
    configuration.instruments = 3
    configuration.ticksPerSecond = 1
    let ticks = Self.ticks(configuration, count: 300_000, stepNanos: 1_000_000_000)
    for tick in ticks { #expect(tick.price.raw > 0 && tick.price.raw < 2_000_000 * 1_000_000_000_000_000_000) }
    let bitcoin = ticks.filter { $0.instrument == "BTC/USD" }.map(\.price.raw)
    let (low, high) = (bitcoin.min() ?? 0, bitcoin.max() ?? 0)
    #expect(high > low + low / 50 && high < low * 10, "BTC/USD went from \(low) to \(high)")
  }
}
