// A tick as the edge shows it.

package import Codecs

extension Tick {
  /// The event as a JSON object; times in milliseconds. `sequence` is null where the venue has none.
  package func appendJSON(appendTime: Timestamp, to output: inout ByteWriter) {
    output.beginObject()
    output.field("kind", kind.name)
    output.field("instrument", instrument)
    output.field("source", source)
    output.field("price", price)
    output.field("volume", volume)
    output.field("side", side.name)
    output.field("sequence", sequence)
    output.field("eventTime", eventTime)
    output.field("appendTime", appendTime)
    output.endObject()
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
