// Candle <-> bytes of prices.candles.v1, and its JSON.

package import Codecs

extension Candle {
  /// Writes the record's value, framed; the key is the instrument.
  package func encode(into output: inout ByteWriter) {
    output.append(schemaID: Topic.candles.schemaID)
    output.append(varint: Int64(interval.rawValue))
    output.append(time: start)
    output.append(avroDecimal: open.raw)
    output.append(avroDecimal: high.raw)
    output.append(avroDecimal: low.raw)
    output.append(avroDecimal: close.raw)
    output.append(avroDecimal: volume.raw)
    output.append(avroDecimal: vwap?.raw)
    output.append(varint: ticks)
    output.append(varint: Int64(revision))
    output.append(avroBoolean: isFinal)
    output.append(time: eventTime)
    output.append(time: appendTime)
  }

  package init(decoding record: RecordView) throws(CodecError) {
    instrument = try record.name()
    var reader = ByteReader(record.value)
    try reader.expectSchema(of: .candles)
    let intervalAt = reader.position
    guard let interval = CandleInterval(rawValue: try reader.readInt()) else {
      throw .malformed(at: intervalAt, reason: "an interval that does not exist")
    }
    self.interval = interval
    start = try reader.readTime()
    open = try reader.readFixedPoint(Price.self)
    high = try reader.readFixedPoint(Price.self)
    low = try reader.readFixedPoint(Price.self)
    close = try reader.readFixedPoint(Price.self)
    volume = try reader.readFixedPoint(Quantity.self)
    vwap = try reader.readOptionalFixedPoint(Price.self)
    ticks = try reader.readVarint()
    revision = try reader.readInt()
    isFinal = try reader.readAvroBoolean()
    eventTime = try reader.readTime()
    appendTime = try reader.readTime()
    try reader.expectEnd()
  }

  /// The event as a JSON object; times in milliseconds, the interval by name.
  package func appendJSON(to output: inout ByteWriter) {
    output.append(member: "instrument", isFirst: true)
    output.append(jsonString: instrument)
    output.append(member: "interval")
    output.append(jsonString: interval.name)
    output.append(member: "start")
    output.append(json: start)
    output.append(member: "open")
    output.append(json: open)
    output.append(member: "high")
    output.append(json: high)
    output.append(member: "low")
    output.append(json: low)
    output.append(member: "close")
    output.append(json: close)
    output.append(member: "volume")
    output.append(json: volume)
    output.append(member: "vwap")
    output.append(json: vwap)
    output.append(member: "ticks")
    output.append(integer: ticks)
    output.append(member: "revision")
    output.append(integer: Int64(revision))
    output.append(member: "isFinal")
    output.append(json: isFinal)
    output.append(member: "eventTime")
    output.append(json: eventTime)
    output.append(member: "appendTime")
    output.append(json: appendTime)
    output.append(UInt8(ascii: "}"))
  }
}
