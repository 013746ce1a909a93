// DeadLetter <-> bytes of <topic>.dead.v1, and its JSON.

package import Codecs

extension DeadLetter {
  /// Writes the record's value, framed; the key is the original's.
  package func encode(into output: inout ByteWriter) {
    output.append(schemaID: Topic.deadTicks.schemaID)
    output.append(avroString: topic)
    output.append(varint: Int64(partition))
    output.append(varint: offset)
    output.append(varint: Int64(reason.rawValue))
    output.append(avroDetail: detail)
    output.append(avroBytes: unsafe value.span.bytes)
    output.append(time: eventTime)
    output.append(time: appendTime)
  }

  package init(decoding record: RecordView) throws(CodecError) {
    var reader = ByteReader(record.value)
    try reader.expectSchema(of: .deadTicks)
    topic = try reader.readAvroString()
    partition = try reader.readInt()
    offset = try reader.readVarint()
    reason = try reader.readEnum(DeadLetterReason.self)
    detail = try reader.readDetail()
    key = [UInt8](record.key)
    value = [UInt8](try reader.readAvroBytes())
    eventTime = try reader.readTime()
    appendTime = try reader.readTime()
    try reader.expectEnd()
  }

  /// The event as a JSON object; times in milliseconds, the value in base64url, the key as text (bytes that are not
  /// UTF-8 become U+FFFD).
  package func appendJSON(to output: inout ByteWriter) {
    output.beginObject()
    output.field("topic", topic)
    output.field("partition", Int64(partition))
    output.field("offset", offset)
    output.field("reason", reason.name)
    output.field("detail", detail)
    output.field("key", String(decoding: key, as: UTF8.self))
    output.field("value")
    output.append(UInt8(ascii: "\""))
    output.append(base64URL: unsafe value.span.bytes)
    output.append(UInt8(ascii: "\""))
    output.field("eventTime", eventTime)
    output.field("appendTime", appendTime)
    output.endObject()
  }
}

extension DeadLetterReason {
  /// The Avro symbol.
  package var name: String {
    switch self {
    case .undecodable: "undecodable"
    case .future: "future"
    case .late: "late"
    case .invalid: "invalid"
    }
  }
}
