// A tick as the edge shows it.

package import Codecs

extension Tick {
  /// The event as a JSON object; times in milliseconds. `sequence` is null where the venue has none.
  package func appendJSON(appendTime: Timestamp, to output: inout ByteWriter) {
    output.append(member: "kind", isFirst: true)
    output.append(jsonString: kind.name)
    output.append(member: "instrument")
    output.append(jsonString: instrument)
    output.append(member: "source")
    output.append(jsonString: source)
    output.append(member: "price")
    output.append(json: price)
    output.append(member: "volume")
    output.append(json: volume)
    output.append(member: "side")
    output.append(jsonString: side.name)
    output.append(member: "sequence")
    if let sequence { output.append(integer: sequence) } else { output.append(utf8: "null") }
    output.append(member: "eventTime")
    output.append(json: eventTime)
    output.append(member: "appendTime")
    output.append(json: appendTime)
    output.append(UInt8(ascii: "}"))
  }
}

extension TickKind {
  /// The Avro symbol.
  package var name: String {
    switch self {
    case .trade: "trade"
    case .quote: "quote"
    case .gap: "gap"
    case .clock: "clock"
    }
  }
}

extension TickSide {
  /// The Avro symbol.
  package var name: String {
    switch self {
    case .unknown: "unknown"
    case .buy: "buy"
    case .sell: "sell"
    }
  }
}
