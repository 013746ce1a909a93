// HTX, formerly Huobi, spot: frames of wss://api.huobi.pro/ws, each a gzip stream in a binary frame.

import Codecs
import Core
package import Events

/// `trade.detail` becomes trades, `ticker` and `detail` quotes. Prices and amounts are JSON numbers, with exponents;
/// `amount` counts in the base, `vol` in the quote. A trade's `id` has up to 27 digits, its `tradeId` fits.
package struct HuobiMapper: VenueMapper {
  package static var venue: Venue { .huobi }

  private enum Field: Int, JSONFieldName {
    case channel, time, tick, ping, pong, status, action, operation
    static let names: [PackedKey] = ["ch", "ts", "tick", "ping", "pong", "status", "action", "op"]
  }

  private enum TickField: Int, JSONFieldName {
    case data, lastPrice, close
    static let names: [PackedKey] = ["data", "lastPrice", "close"]
  }

  private enum TradeField: Int, JSONFieldName {
    case time, trade, amount, price, direction
    static let names: [PackedKey] = ["ts", "tradeId", "amount", "price", "direction"]
  }

  /// Symbols have no separator: these are the assets that HTX quotes prices in.
  private static let quotes = VenueSymbol.quotes(
    "USDT USDC USDD TUSD HUSD USD1 BTC ETH HT HTX TRX EUR GBP TRY BRL UAH RUB EURS")

  package init() {}

  package mutating func mapBinary(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    var inflated = ByteWriter(capacity: 4096)
    do { try Gzip.inflate(frame, limit: Limits.frameBytesMax, into: &inflated) } catch {
      throw FrameRejection(error, base: 0)
    }
    return try mapText(inflated.bytes, receivedAt: receivedAt, into: &output)
  }

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let fields = try JSONFields<Field>(frame)
    if fields.has(.ping) || fields.has(.pong) { return .heartbeat }
    if fields[.channel].token == .string { return try mapChannel(fields, receivedAt, &output) }
    if fields.equals(.status, "ok") { return .acknowledgement }
    if fields.equals(.status, "error") { return .error }
    if fields.equals(.action, "ping") || fields.equals(.operation, "ping") { return .heartbeat }
    return .unknown
  }

  private func mapChannel(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let (symbol, kind) = fields.withText(.channel) { Self.split($0) }
    guard kind == .trade || kind == .ticker else { return kind }
    guard let instrument = VenueSymbol.joined(unsafe symbol.span.bytes, quotes: Self.quotes) else {
      throw fields.rejection(.channel, "a symbol that ends in no known quote asset")
    }
    let time = try fields.time(.time, digits: 3) ?? receivedAt
    let tick = try fields.object(.tick, as: TickField.self)
    if kind == .ticker {
      // `ticker` has the last price under its own name, `detail` as the close of the day so far.
      guard let price = try tick.price(tick.has(.lastPrice) ? .lastPrice : .close) else { return kind }
      output.ticks.append(
        Tick(kind: .quote, instrument: instrument, source: Self.source, price: price, eventTime: time))
      return kind
    }
    let before = output.ticks.count
    try tick.forEachObject(.data, as: TradeField.self, into: &output) { trade, output throws(FrameRejection) in
      output.ticks.append(
        Tick(
          kind: .trade, instrument: instrument, source: Self.source, price: try trade.tradePrice(.price),
          volume: try trade.tradeVolume(.amount), side: trade.side(.direction),
          sequence: try trade.integer(.trade), eventTime: try trade.time(.time, digits: 3) ?? time))
    }
    // The newest trade comes first; events are told in the order in which they happened.
    output.ticks[before...].reverse()
    return kind
  }

  /// `market.<symbol>.<topic>`: the symbol, and what the topic is about.
  private static func split(_ channel: RawSpan) -> (symbol: [UInt8], FrameKind) {
    let parts = [UInt8](channel).split(separator: UInt8(ascii: "."), maxSplits: 2)
    guard parts.count == 3, parts[0].elementsEqual("market".utf8) else { return ([], .unknown) }
    let topic = Array(parts[2])
    return (Array(parts[1]), kind(of: unsafe topic.span.bytes))
  }

  private static func kind(of topic: RawSpan) -> FrameKind {
    switch PackedKey(topic) {
    case "trade.detail": .trade
    case "ticker", "detail": .ticker
    case "bbo": .bookTop
    default:
      if topic.starts(with: "mbp.refresh") || topic.starts(with: "depth") {
        .bookSnapshot
      } else if topic.starts(with: "mbp") {
        .book
      } else {
        topic.starts(with: "kline") ? .candle : .unknown
      }
    }
  }
}
