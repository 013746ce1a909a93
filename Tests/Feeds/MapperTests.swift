// Each venue's frames, as documented, as captured and as broken, against the ticks that they mean.

import Events
import Feeds
import Testing

@Suite struct MapperTests {
  @Test func binance() throws { try check(BinanceMapper.self) }
  @Test func coinbase() throws { try check(CoinbaseMapper.self) }
  @Test func huobi() throws { try check(HuobiMapper.self) }
  @Test func kraken() throws { try check(KrakenMapper.self) }
  @Test func kuCoin() throws { try check(KuCoinMapper.self) }
  @Test func okx() throws { try check(OKXMapper.self) }

  /// One mapper sees the whole file, as one connection would.
  private func check<Mapper: VenueMapper>(_ type: Mapper.Type) throws {
    var mapper = Mapper()
    try Snapshot.check("mappers/\(Mapper.venue.rawValue).txt") { input in
      input.hasPrefix("hex:") ? mapper.lines(hex: String(input.dropFirst(4))) : mapper.lines(text: input)
    }
  }
}
