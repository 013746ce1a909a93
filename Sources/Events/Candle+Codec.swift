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
    output.beginObject()
    output.field("instrument", instrument)
    output.field("interval", interval.name)
    output.field("start", start)
    output.field("open", open)
    output.field("high", high)
    output.field("low", low)
    output.field("close", close)
    output.field("volume", volume)
    output.field("vwap", vwap)
    output.field("ticks", ticks)
    output.field("revision", Int64(revision))
    output.field("isFinal", isFinal)
    output.field("eventTime", eventTime)
    output.field("appendTime", appendTime)
    output.endObject()
  }
}
