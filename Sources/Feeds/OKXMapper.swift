// OKX v5: frames of wss://ws.okx.com:8443/ws/v5/public.

import Codecs
package import Events

/// Tickers become quotes, trades trades. Everything is a string, times are milliseconds, and a string may be empty
/// where there is no value. Heartbeats are the bare word `pong`, which is not JSON.
package struct OKXMapper: VenueMapper {
  package static var venue: Venue { .okx }

  private enum Field: Int, JSONFieldName {
    case event, arg, action, data
    static let names: [PackedKey] = ["event", "arg", "action", "data"]
  }

  private enum ArgumentField: Int, JSONFieldName {
    case channel, instrument
    static let names: [PackedKey] = ["channel", "instId"]
  }

  private enum DataField: Int, JSONFieldName {
    case instrument, last, price, size, side, trade, time
    static let names: [PackedKey] = ["instId", "last", "px", "sz", "side", "tradeId", "ts"]
  }

  package init() {}

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    if frame.byteCount == 4, frame.starts(with: "pong") || frame.starts(with: "ping") { return .heartbeat }
    let fields = try JSONFields<Field>(frame)
    if let event = fields.word(.event) {
      switch event {
      case "subscribe", "unsubscribe", "login": return .acknowledgement
      case "error": return .error
      case "notice": return .notice
      default: return .unknown
      }
    }
    let argument = try fields.object(.arg, as: ArgumentField.self)
    switch argument.word(.channel) {
    case "tickers":
      try fields.forEachObject(.data, as: DataField.self, into: &output) { data, output throws(FrameRejection) in
        let time = try data.time(.time, digits: 3) ?? receivedAt
        guard let price = try data.price(.last) else { return }
        output.ticks.append(
          Tick(
            kind: .quote, instrument: try instrument(data), source: Self.source, price: price, eventTime: time))
      }
      return .ticker
    case "trades", "trades-all":
      try fields.forEachObject(.data, as: DataField.self, into: &output) { data, output throws(FrameRejection) in
        output.ticks.append(
          Tick(
            kind: .trade, instrument: try instrument(data), source: Self.source, price: try data.tradePrice(.price),
            volume: try data.tradeVolume(.size), side: data.side(.side), sequence: try data.integer(.trade),
            eventTime: try data.time(.time, digits: 3) ?? receivedAt))
      }
      return .trade
    case "bbo-tbt": return .bookTop
    case "books", "books5", "books-l2-tbt", "books50-l2-tbt":
      return fields.equals(.action, "update") ? .book : .bookSnapshot
    default: return argument.starts(.channel, with: "candle") ? .candle : .unknown
    }
  }

  private func instrument(_ data: borrowing JSONFields<DataField>) throws(FrameRejection) -> String {
    guard let instrument = data.withText(.instrument, { VenueSymbol.dashed($0) }) else {
      throw data.rejection(.instrument, "no instrument of the form BASE-QUOTE")
    }
    return instrument
  }
}
