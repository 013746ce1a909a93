// Coinbase Exchange: frames of wss://ws-feed.exchange.coinbase.com.

import Codecs
package import Events

/// `ticker` and `last_match` become quotes, `match` a trade; trade numbers are consecutive per product, so that lost
/// trades show, at the latest in the next `heartbeat`.
package struct CoinbaseMapper: VenueMapper {
  package static var venue: Venue { .coinbase }

  private enum Field: Int, JSONFieldName {
    case type, product, price, size, side, time, tradeID, lastTradeID
    static let names: [PackedKey] = [
      "type", "product_id", "price", "size", "side", "time", "trade_id", "last_trade_id",
    ]
  }

  private var trades = TradeNumbers()

  package init() {}

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let fields = try JSONFields<Field>(frame)
    switch fields.word(.type) {
    case "l2update", "received", "open", "done", "change", "activate": return .book
    case "snapshot": return .bookSnapshot
    case "ticker":
      let time = try fields.moment(.time) ?? receivedAt
      guard let price = try fields.price(.price) else { return .ticker }
      // The side of a ticker is the taker's, that of a match the maker's.
      output.ticks.append(
        Tick(
          kind: .quote, instrument: try instrument(fields), source: Self.source, price: price,
          side: fields.side(.side), sequence: try fields.integer(.tradeID), eventTime: time))
      return .ticker
    case "match": return try match(fields, receivedAt, &output)
    case "last_match":
      try pastMatch(fields, receivedAt, &output)
      return .pastTrade
    case "heartbeat":
      try heartbeat(fields, receivedAt, &output)
      return .heartbeat
    case "subscriptions": return .acknowledgement
    case "status": return .status
    case "error": return .error
    default:
      guard fields[.type].token == .string else { throw fields.rejection(.type, "a frame without a type") }
      return .unknown
    }
  }

  private func instrument(_ fields: borrowing JSONFields<Field>) throws(FrameRejection) -> String {
    guard let instrument = fields.withText(.product, { VenueSymbol.dashed($0) }) else {
      throw fields.rejection(.product, "no instrument of the form BASE-QUOTE")
    }
    return instrument
  }

  private mutating func match(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let tick = Tick(
      kind: .trade, instrument: try instrument(fields), source: Self.source, price: try fields.tradePrice(.price),
      volume: try fields.tradeVolume(.size), side: fields.side(.side).opposite,
      sequence: try fields.integer(.tradeID), eventTime: try fields.moment(.time) ?? receivedAt)
    if let number = tick.sequence {
      switch trades.take(tick.instrument, number, through: number, at: tick.eventTime) {
      case .next: break
      case .gap: output.ticks.append(.gap(before: number, of: tick))
      case .repeated: return .repeatedTrade
      }
    }
    output.ticks.append(tick)
    return .trade
  }

  /// The last trade before the subscription. Its price is news, but it was traded earlier: after a reconnect, or
  /// beside another recording, its volume would be counted a second time. Hence a quote.
  private mutating func pastMatch(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) {
    let tick = Tick(
      kind: .quote, instrument: try instrument(fields), source: Self.source, price: try fields.tradePrice(.price),
      side: fields.side(.side).opposite, sequence: try fields.integer(.tradeID),
      eventTime: try fields.moment(.time) ?? receivedAt)
    if let number = tick.sequence, trades.take(tick.instrument, number, through: number, at: tick.eventTime) == .gap {
      output.ticks.append(.gap(before: number, of: tick))
    }
    output.ticks.append(tick)
  }

  /// Says which trade was the last. Without a match before it, matches are not subscribed and nothing can be missing.
  private mutating func heartbeat(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) {
    guard let last = try fields.integer(.lastTradeID) else { return }
    let instrument = try instrument(fields)
    guard let known = trades.last(instrument), last > known, last < .max else { return }
    let time = try fields.moment(.time) ?? receivedAt
    _ = trades.take(instrument, last, through: last, at: time)
    output.ticks.append(
      Tick(kind: .gap, instrument: instrument, source: Self.source, sequence: last + 1, eventTime: time))
  }
}
