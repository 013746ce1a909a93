// Tick <-> bytes of prices.ticks.v1, exactly as schemas/prices.ticks.v1.avsc says.
//
//   0       5      6      7           16           25         26       ...
//   +-------+------+------+-----------+------------+----------+--------+--------------+---------------+----------+
//   | frame | kind | side | eventTime | appendTime | length   | source | price: length| volume: length| sequence |
//   |       |      |      | (varint)  | (varint)   | of source|        | and bytes    | and bytes     | (union)  |
//   +-------+------+------+-----------+------------+----------+--------+--------------+---------------+----------+
//   The offsets hold for times from 1988 to 2116, whose varints have nine bytes: `TickDecoder` counts on the
//   common case and checks that it is one.

package import Codecs

extension Tick {
  /// Writes the record's value, framed. Allocates nothing once `output` is large enough.
  package func encode(appendTime: Timestamp, into output: inout ByteWriter) {
    output.append(schemaID: Topic.ticks.schemaID)
    output.append(varint: Int64(kind.rawValue))
    output.append(varint: Int64(side.rawValue))
    output.append(varint: eventTime.nanos)
    output.append(varint: appendTime.nanos)
    output.append(avroString: source)
    output.append(avroDecimal: price.raw)
    output.append(avroDecimal: volume.raw)
    if let sequence {
      output.append(varint: 1)
      output.append(varint: sequence)
    } else {
      output.append(varint: 0)
    }
  }

  /// The tick in `record`, and when the log took it.
  package static func decode(_ record: RecordView) throws(CodecError) -> (tick: Tick, appendTime: Timestamp) {
    let fields = try TickFields(decoding: record.value)
    guard fields.kind == .clock || record.key.byteCount > 0 else {
      throw .malformed(at: 0, reason: "a tick without an instrument")
    }
    guard record.key.isUTF8 else { throw .malformed(at: 0, reason: "an instrument that is not UTF-8") }
    guard record.key.byteCount <= EventLimits.nameBytesMax else {
      throw .tooLarge(at: 0, reason: "an instrument of more than \(EventLimits.nameBytesMax) bytes")
    }
    let source = fields.source(in: record.value)
    guard source.isUTF8 else { throw .malformed(at: fields.sourceStart, reason: "a source that is not UTF-8") }
    let tick = Tick(
      kind: fields.kind, instrument: String(utf8: record.key), source: String(utf8: source), price: fields.price,
      volume: fields.volume, side: fields.side, sequence: fields.sequence, eventTime: fields.eventTime)
    return (tick, fields.appendTime)
  }
}

extension RecordBatchWriter {
  /// Adds the record of `tick`; `scratch` holds its value in between and may be shared by all calls of a thread.
  package mutating func append(_ tick: Tick, appendTime: Timestamp, scratch: inout ByteWriter) {
    scratch.removeAll()
    tick.encode(appendTime: appendTime, into: &scratch)
    if tick.kind == .clock {
      append(timestampMillis: tick.eventTime.millis, key: nil, value: scratch.bytes)
    } else {
      append(timestampMillis: tick.eventTime.millis, key: unsafe tick.instrument.utf8.span.bytes, value: scratch.bytes)
    }
  }
}
