// LatestPrice <-> bytes of prices.latest.v1, and its JSON.

package import Codecs

extension LatestPrice {
  /// Writes the record's value, framed; the key is the instrument.
  package func encode(into output: inout ByteWriter) {
    output.append(schemaID: Topic.latest.schemaID)
    output.append(avroDecimal: price.raw)
    output.append(avroDecimal: previousPrice?.raw)
    output.append(varint: Int64(direction.rawValue))
    output.append(avroDecimal: change24h.raw)
    output.append(avroDecimal: changePercent24h.raw)
    output.append(avroDecimal: volume24h.raw)
    // One block with all items, then the empty one that ends an array.
    if !sources.isEmpty { output.append(varint: Int64(sources.count)) }
    for contribution in sources {
      output.append(avroString: contribution.source)
      output.append(avroDecimal: contribution.price.raw)
      output.append(avroDecimal: contribution.weight.raw)
      output.append(time: contribution.eventTime)
    }
    output.append(varint: 0)
    output.append(time: eventTime)
    output.append(time: appendTime)
  }

  package init(decoding record: RecordView) throws(CodecError) {
    instrument = try record.name()
    var reader = ByteReader(record.value)
    try reader.expectSchema(of: .latest)
    price = try reader.readFixedPoint(Price.self)
    previousPrice = try reader.readOptionalFixedPoint(Price.self)
    direction = try reader.readEnum(PriceDirection.self)
    change24h = try reader.readFixedPoint(Price.self)
    changePercent24h = try reader.readFixedPoint(Quantity.self)
    volume24h = try reader.readFixedPoint(Quantity.self)
    sources = []
    while true {
      let start = reader.position
      var items = try reader.readVarint()
      if items == 0 { break }
      if items < 0 {
        // A negative count is followed by the block's size, which only those need who skip it.
        _ = try reader.readVarint()
        items = items == .min ? .max : -items
      }
      guard items <= Int64(EventLimits.contributionsMax - sources.count) else {
        throw .tooLarge(at: start, reason: "more than \(EventLimits.contributionsMax) contributions")
      }
      for _ in 0..<items {
        sources.append(
          PriceContribution(
            source: try reader.readAvroString(), price: try reader.readFixedPoint(Price.self),
            weight: try reader.readFixedPoint(Quantity.self), eventTime: try reader.readTime()))
      }
    }
    eventTime = try reader.readTime()
    appendTime = try reader.readTime()
    try reader.expectEnd()
  }

  /// The event as a JSON object; times in milliseconds.
  package func appendJSON(to output: inout ByteWriter) {
    output.beginObject()
    output.field("instrument", instrument)
    output.field("price", price)
    output.field("previousPrice", previousPrice)
    output.field("direction", direction.name)
    output.field("change24h", change24h)
    output.field("changePercent24h", changePercent24h)
    output.field("volume24h", volume24h)
    output.field("sources")
    output.beginArray()
    for contribution in sources {
      output.beginObject()
      output.field("source", contribution.source)
      output.field("price", contribution.price)
      output.field("weight", contribution.weight)
      output.field("eventTime", contribution.eventTime)
      output.endObject()
    }
    output.endArray()
    output.field("eventTime", eventTime)
    output.field("appendTime", appendTime)
    output.endObject()
  }
}

extension PriceDirection {
  /// The Avro symbol.
  package var name: String {
    switch self {
    case .unchanged: "unchanged"
    case .up: "up"
    case .down: "down"
    }
  }
}
