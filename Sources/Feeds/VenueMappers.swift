// One mapper of each venue, chosen by name without a dynamic type.

import Codecs
import Events

/// The mappers of one recording or connection. Those that are not used hold nothing.
struct VenueMappers: Sendable {
  private var binance = BinanceMapper()
  private var coinbase = CoinbaseMapper()
  private var huobi = HuobiMapper()
  private var kraken = KrakenMapper()
  private var kuCoin = KuCoinMapper()
  private var okx = OKXMapper()

  mutating func map(
    _ venue: Venue, _ frame: RawSpan, isBinary: Bool, receivedAt: Timestamp, into ticks: inout [Tick]
  ) -> FrameOutcome {
    switch venue {
    case .binance: Self.map(&binance, frame, isBinary, receivedAt, &ticks)
    case .coinbase: Self.map(&coinbase, frame, isBinary, receivedAt, &ticks)
    case .huobi: Self.map(&huobi, frame, isBinary, receivedAt, &ticks)
    case .kraken: Self.map(&kraken, frame, isBinary, receivedAt, &ticks)
    case .kucoin: Self.map(&kuCoin, frame, isBinary, receivedAt, &ticks)
    case .okx: Self.map(&okx, frame, isBinary, receivedAt, &ticks)
    }
  }

  private static func map<Mapper: VenueMapper>(
    _ mapper: inout Mapper, _ frame: RawSpan, _ isBinary: Bool, _ receivedAt: Timestamp, _ ticks: inout [Tick]
  ) -> FrameOutcome {
    isBinary
      ? mapper.map(binary: frame, receivedAt: receivedAt, into: &ticks)
      : mapper.map(text: frame, receivedAt: receivedAt, into: &ticks)
  }
}
