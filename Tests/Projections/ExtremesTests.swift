// The folds at the bounds of their numbers: exact up to them, a dead letter beyond.

import Events
import Processors
import Projections
import Testing

@Suite struct ExtremesTests {
  static let start: Int64 = 1_700_000_040_000_000_000

  private func trade(_ source: String, _ price: Int128, _ volume: Int128, at seconds: Int64 = 0) -> InputRecord {
    let time = Self.start + seconds * 1_000_000_000
    return .tick(
      Tick(
        kind: .trade, instrument: "A/B", source: source, price: Price(raw: price), volume: Quantity(raw: volume),
        eventTime: Timestamp(nanos: time)), appendTime: time)
  }

  private func run(_ records: [InputRecord]) throws -> FoldResult { try fold(encode(records) { _ in false }) }

  @Test func theGreatestPricesAreAveragedExactly() throws {
    let most = ProcessorLimits.decimalMax
    let latest = try run([trade("coinbase", most, 0), trade("kraken", 1, 0, at: 1)]).latest
    #expect(latest.first?.price.raw == most)
    // (1.0 * most + 0.8 * 1) / 1.8
    var sum = UInt256(product: 10, UInt128(most))
    sum.add(UInt256(product: 8, 1))
    #expect(latest.last?.price.raw == sum.dividedHalfEven(by: 18).map { Int128($0) })
    #expect(latest.last?.direction == .down)
  }

  @Test func weightsWithoutACommonDivisorAreExactToo() throws {
    var settings = LatestPriceSettings()
    settings.weights = ["a": Quantity(raw: 999_999_999_999_999_999_989), "b": Quantity(raw: 1)]
    let price: Int128 = 12_345_678_901_234_567_890_123
    let records = [trade("a", price, 0), trade("b", 7, 0, at: 1)]
    let found = try fold(encode(records) { _ in false }, settings).latest.last?.price.raw
    var sum = UInt256(product: 999_999_999_999_999_999_989, UInt128(price))
    sum.add(UInt256(product: 1, 7))
    #expect(found == sum.dividedHalfEven(by: 999_999_999_999_999_999_990).map { Int128($0) })
  }

  /// A minute of the greatest volume at the greatest price is exact; one unit more is a dead letter, and once only.
  @Test func volumeBeyondTheBoundIsADeadLetter() throws {
    let most = ProcessorLimits.decimalMax
    let volume = FoldLimits.minuteVolumeMax
    let result = try run([
      trade("a", most, volume), trade("a", most, 1, at: 2), trade("a", most, FoldLimits.bucketVolumeMax, at: 4),
      trade("a", most, 0, at: 5), trade("a", most, volume, at: 61), trade("a", 5, 0, at: 200),
    ])
    #expect(result.dead.map(\.offset) == [1, 2] && result.dead.allSatisfy { $0.reason == .invalid })
    let final = result.candles.filter { $0.interval == .oneMinute && $0.isFinal }
    #expect(final.map(\.volume.raw) == [volume, volume] && final.map(\.vwap?.raw) == [most, most])
    #expect(final.map(\.ticks) == [2, 1])
    let day = result.candles.last { $0.interval == .oneDay }
    #expect(day?.volume.raw == 2 * volume && day?.vwap?.raw == most && day?.low.raw == 5)
  }

  /// Half of two neighbours goes to the even one.
  @Test func tiesGoToTheEvenPrice() throws {
    for (low, expected) in [(1, 2), (2, 2), (3, 4), (4, 4)] as [(Int128, Int128)] {
      let latest = try run([trade("coinbase", low, 0), trade("binance", low + 1, 0, at: 1)]).latest
      #expect(latest.last?.price.raw == expected)
      let candles = try run([trade("a", low, 10), trade("a", low + 1, 10, at: 1), trade("a", 1, 0, at: 100)]).candles
      #expect(candles.first { $0.isFinal }?.vwap?.raw == expected)
    }
  }

  /// Nobody says anything when every source is stale; the first to come back is heard.
  @Test func allStaleIsSilence() throws {
    let clock = InputRecord.tick(
      Tick(kind: .clock, instrument: "", source: "", eventTime: Timestamp(nanos: Self.start + 40_000_000_000)),
      appendTime: Self.start + 40_000_000_000)
    let latest = try run([trade("a", 10, 0), clock, trade("a", 10, 0, at: 41), trade("b", 20, 0, at: 60)]).latest
    #expect(latest.map(\.sources.count) == [1, 2])
    let dropped = try run([trade("a", 10, 0), trade("b", 20, 0, at: 20), clock]).latest
    #expect(dropped.map(\.price.raw) == [10, 15, 20] && dropped.last?.sources.map(\.source) == ["b"])
  }
}
