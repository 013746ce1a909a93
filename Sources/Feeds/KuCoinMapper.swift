// KuCoin spot: frames of the public WebSocket whose address `bullet-public` hands out.

import Codecs
package import Events

/// Tickers become quotes, matches trades. A ticker's symbol stands in the topic alone, or, with the topic `:all`, in
/// the subject; its time is in milliseconds, that of a match in nanoseconds.
package struct KuCoinMapper: VenueMapper {
  package static var venue: Venue { .kucoin }

  private enum Field: Int, JSONFieldName {
    case type, topic, subject, data
    static let names: [PackedKey] = ["type", "topic", "subject", "data"]
  }

  private enum DataField: Int, JSONFieldName {
    case symbol, price, size, side, time, sequence
    static let names: [PackedKey] = ["symbol", "price", "size", "side", "time", "sequence"]
  }

  package init() {}

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let fields = try JSONFields<Field>(frame)
    switch fields.word(.type) {
    case "message": return try mapMessage(fields, receivedAt, &output)
    case "ack": return .acknowledgement
    case "welcome": return .status
    case "ping", "pong": return .heartbeat
    case "notice": return .notice
    case "error": return .error
    default:
      guard fields[.type].token == .string else { throw fields.rejection(.type, "a frame without a type") }
      return .unknown
    }
  }

  private func mapMessage(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    if fields.starts(.topic, with: "/market/ticker:") {
      let data = try fields.object(.data, as: DataField.self)
      let time = try data.time(.time, digits: 3) ?? receivedAt
      guard let price = try data.price(.price) else { return .ticker }
      output.ticks.append(
        Tick(
          kind: .quote, instrument: try tickerInstrument(fields), source: Self.source, price: price,
          sequence: try data.integer(.sequence), eventTime: time))
      return .ticker
    }
    if fields.starts(.topic, with: "/market/match:") {
      let data = try fields.object(.data, as: DataField.self)
      guard let instrument = data.withText(.symbol, { VenueSymbol.dashed($0) }) else {
        throw data.rejection(.symbol, "no instrument of the form BASE-QUOTE")
      }
      output.ticks.append(
        Tick(
          kind: .trade, instrument: instrument, source: Self.source, price: try data.tradePrice(.price),
          volume: try data.tradeVolume(.size), side: data.side(.side), sequence: try data.integer(.sequence),
          eventTime: try data.time(.time, digits: 9) ?? receivedAt))
      return .trade
    }
    if fields.starts(.topic, with: "/market/candles:") { return .candle }
    if fields.starts(.topic, with: "/market/level2:") { return .book }
    if fields.starts(.topic, with: "/spotMarket/level2Depth") { return .bookSnapshot }
    if fields.starts(.topic, with: "/spotMarket/level1:") { return .bookTop }
    guard fields[.topic].token == .string else { throw fields.rejection(.topic, "a message without a topic") }
    return .unknown
  }

  private func tickerInstrument(_ fields: borrowing JSONFields<Field>) throws(FrameRejection) -> String {
    let prefix = "/market/ticker:".utf8.count
    let topic = fields.withText(.topic) { topic in
      topic.byteCount == prefix + 3 && topic.extracting(prefix..<prefix + 3).starts(with: "all")
        ? nil : VenueSymbol.dashed(topic.extracting(prefix..<topic.byteCount))
    }
    if let topic { return topic }
    guard let subject = fields.withText(.subject, { VenueSymbol.dashed($0) }) else {
      throw fields.rejection(.topic, "no instrument of the form BASE-QUOTE, nor in the subject")
    }
    return subject
  }
}
