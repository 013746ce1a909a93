// The records of the topics as data: what schemas/*.avsc say, field by field.

package import Codecs

extension Topic {
  /// The topic's values, stored as `form` says.
  package func encoding(_ form: ValueEncoding.Form) -> ValueEncoding? {
    schema.map { ValueEncoding(form, record: $0, id: schemaID) }
  }

  /// The topic's schema; nil for a topic that Millrace does not define.
  package var schema: AvroRecord? {
    switch self {
    case .ticks: Self.tick
    case .latest: Self.latestPrice
    case .candles: Self.candle
    case .sourceStatus: Self.status
    case .deadTicks: Self.deadLetter
    default: nil
    }
  }

  private static let decimal = AvroType.decimal(scale: 18)
  private static let times: [AvroRecord.Field] = [("eventTime", .long), ("appendTime", .long)]

  private static let tick = AvroRecord(
    [
      ("kind", .enumeration(["trade", "quote", "gap", "clock"])),
      ("side", .enumeration(["unknown", "buy", "sell"])),
    ] + times + [
      ("source", .string), ("price", decimal), ("volume", decimal), ("sequence", .optional(.long)),
    ])

  private static let latestPrice = AvroRecord(
    [
      ("price", decimal), ("previousPrice", .optional(decimal)),
      ("direction", .enumeration(["unchanged", "up", "down"])),
      ("change24h", decimal), ("changePercent24h", decimal), ("volume24h", decimal),
      (
        "sources",
        .records(AvroRecord([("source", .string), ("price", decimal), ("weight", decimal), ("eventTime", .long)]))
      ),
    ] + times)

  private static let candle = AvroRecord(
    [
      ("intervalSeconds", .int), ("start", .long), ("open", decimal), ("high", decimal), ("low", decimal),
      ("close", decimal), ("volume", decimal), ("vwap", .optional(decimal)), ("ticks", .long), ("revision", .int),
      ("isFinal", .boolean),
    ] + times)

  private static let status = AvroRecord(
    [
      ("health", .enumeration(["healthy", "stale", "reconnecting", "error"])), ("since", .long),
      ("detail", .optional(.string)),
    ] + times)

  private static let deadLetter = AvroRecord(
    [
      ("topic", .string), ("partition", .int), ("offset", .long),
      ("reason", .enumeration(["undecodable", "future", "late", "invalid"])), ("detail", .optional(.string)),
      ("value", .bytes),
    ] + times)
}
