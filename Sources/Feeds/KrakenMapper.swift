// Kraken: frames of wss://ws.kraken.com (arrays) and wss://ws.kraken.com/v2 (objects).

import Codecs
package import Events

/// Trades become trades, tickers quotes. In version 1 a frame is `[channel, payload ..., name, pair]`, and its tickers
/// have no time; in version 2 it is an object, and prices are numbers.
package struct KrakenMapper: VenueMapper {
  package static var venue: Venue { .kraken }

  private enum Field: Int, JSONFieldName {
    case event, status, channel, type, data, method, success, error
    static let names: [PackedKey] = ["event", "status", "channel", "type", "data", "method", "success", "error"]
  }

  private enum DataField: Int, JSONFieldName {
    case symbol, last, price, quantity, side, trade, time
    static let names: [PackedKey] = ["symbol", "last", "price", "qty", "side", "trade_id", "timestamp"]
  }

  package init() {}

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    if frame.starts(with: "[") { return try KrakenArrayFrame.map(frame, receivedAt: receivedAt, into: &output) }
    let fields = try JSONFields<Field>(frame)
    if let event = fields.word(.event) {
      switch event {
      case "heartbeat", "pong": return .heartbeat
      case "systemStatus": return .status
      case "error": return .error
      default:
        guard fields.starts(.event, with: "subscriptionStatus") else { return .unknown }
        return fields.equals(.status, "error") ? .error : .acknowledgement
      }
    }
    if fields.has(.method) {
      if fields.equals(.method, "pong") { return .heartbeat }
      return fields[.success].token == .false ? .error : .acknowledgement
    }
    if fields.has(.error) { return .error }
    return try mapChannel(fields, receivedAt, &output)
  }

  private func mapChannel(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    switch fields.word(.channel) {
    case "heartbeat": return .heartbeat
    case "status": return .status
    case "book", "level3": return fields.equals(.type, "snapshot") ? .bookSnapshot : .book
    case "ohlc": return .candle
    case "ticker":
      try fields.forEachObject(.data, as: DataField.self, into: &output) { data, output throws(FrameRejection) in
        let time = try data.moment(.time) ?? receivedAt
        guard let price = try data.price(.last) else { return }
        output.ticks.append(
          Tick(kind: .quote, instrument: try instrument(data), source: Self.source, price: price, eventTime: time))
      }
      return .ticker
    case "trade":
      // The snapshot holds the last trades before the subscription: prices, but no volume to count now.
      let isPast = fields.equals(.type, "snapshot")
      try fields.forEachObject(.data, as: DataField.self, into: &output) { data, output throws(FrameRejection) in
        let volume = try data.tradeVolume(.quantity)
        output.ticks.append(
          Tick(
            kind: isPast ? .quote : .trade, instrument: try instrument(data), source: Self.source,
            price: try data.tradePrice(.price), volume: isPast ? .zero : volume, side: data.side(.side),
            sequence: try data.integer(.trade), eventTime: try data.moment(.time) ?? receivedAt))
      }
      return isPast ? .pastTrade : .trade
    default:
      guard fields[.channel].token == .string else { throw fields.rejection(.channel, "a frame without a channel") }
      return .unknown
    }
  }

  private func instrument(_ data: borrowing JSONFields<DataField>) throws(FrameRejection) -> String {
    guard let instrument = data.withText(.symbol, { VenueSymbol.kraken($0) }) else {
      throw data.rejection(.symbol, "no instrument of the form BASE/QUOTE")
    }
    return instrument
  }
}
