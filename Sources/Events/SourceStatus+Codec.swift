// SourceStatus <-> bytes of sources.status.v1, and its JSON.

package import Codecs

extension SourceStatus {
  /// Writes the record's value, framed; the key is the source.
  package func encode(into output: inout ByteWriter) {
    output.append(schemaID: Topic.sourceStatus.schemaID)
    output.append(varint: Int64(health.rawValue))
    output.append(time: since)
    output.append(avroDetail: detail)
    output.append(time: eventTime)
    output.append(time: appendTime)
  }

  package init(decoding record: RecordView) throws(CodecError) {
    source = try record.name()
    var reader = ByteReader(record.value)
    try reader.expectSchema(of: .sourceStatus)
    health = try reader.readEnum(SourceHealth.self)
    since = try reader.readTime()
    detail = try reader.readDetail()
    eventTime = try reader.readTime()
    appendTime = try reader.readTime()
    try reader.expectEnd()
  }

  /// The event as a JSON object; times in milliseconds.
  package func appendJSON(to output: inout ByteWriter) {
    output.beginObject()
    output.field("source", source)
    output.field("health", health.name)
    output.field("since", since)
    output.field("detail", detail)
    output.field("eventTime", eventTime)
    output.field("appendTime", appendTime)
    output.endObject()
  }
}

extension SourceHealth {
  /// The Avro symbol.
  package var name: String {
    switch self {
    case .healthy: "healthy"
    case .stale: "stale"
    case .reconnecting: "reconnecting"
    case .error: "error"
    }
  }
}
