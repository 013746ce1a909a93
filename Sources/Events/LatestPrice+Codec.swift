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
    output.append(member: "instrument", isFirst: true)
    output.append(jsonString: instrument)
    output.append(member: "price")
    output.append(json: price)
    output.append(member: "previousPrice")
    output.append(json: previousPrice)
    output.append(member: "direction")
    output.append(jsonString: direction.name)
    output.append(member: "change24h")
    output.append(json: change24h)
    output.append(member: "changePercent24h")
    output.append(json: changePercent24h)
    output.append(member: "volume24h")
    output.append(json: volume24h)
    output.append(member: "sources")
    output.append(UInt8(ascii: "["))
    for (index, contribution) in sources.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      output.append(member: "source", isFirst: true)
      output.append(jsonString: contribution.source)
      output.append(member: "price")
      output.append(json: contribution.price)
      output.append(member: "weight")
      output.append(json: contribution.weight)
      output.append(member: "eventTime")
      output.append(json: contribution.eventTime)
      output.append(UInt8(ascii: "}"))
    }
    output.append(UInt8(ascii: "]"))
    output.append(member: "eventTime")
    output.append(json: eventTime)
    output.append(member: "appendTime")
    output.append(json: appendTime)
    output.append(UInt8(ascii: "}"))
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
