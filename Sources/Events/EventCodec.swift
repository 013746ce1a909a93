// What all events share in their bytes and their JSON.

package import Codecs

extension ByteWriter {
  package mutating func append(time: Timestamp) { append(varint: time.nanos) }

  /// Avro `["null", decimal]`.
  package mutating func append(avroDecimal raw: Int128?) {
    append(varint: raw == nil ? 0 : 1)
    if let raw { append(avroDecimal: raw) }
  }

  /// Avro `["null", string]`, where an empty text is null.
  package mutating func append(avroDetail text: String) {
    append(varint: text.isEmpty ? 0 : 1)
    if !text.isEmpty { append(avroString: text) }
  }

  /// A price or an amount as a JSON number with exactly its digits.
  package mutating func field<Value: FixedPoint>(_ name: StaticString, _ value: Value) {
    field(name)
    append(decimal: value.raw, scale: Value.scale)
  }

  package mutating func field<Value: FixedPoint>(_ name: StaticString, _ value: Value?) {
    field(name)
    if let value { append(decimal: value.raw, scale: Value.scale) } else { append(utf8: "null") }
  }

  /// A moment as integer milliseconds since 1970.
  package mutating func field(_ name: StaticString, _ time: Timestamp) { field(name, time.millis) }
}

extension ByteReader {
  @_lifetime(self: copy self)
  package mutating func readTime() throws(CodecError) -> Timestamp { Timestamp(nanos: try readVarint()) }

  @_lifetime(self: copy self)
  package mutating func readFixedPoint<Value: FixedPoint>(_ type: Value.Type) throws(CodecError) -> Value {
    Value(raw: try readAvroDecimal())
  }

  @_lifetime(self: copy self)
  package mutating func readOptionalFixedPoint<Value: FixedPoint>(_ type: Value.Type) throws(CodecError) -> Value? {
    try readAvroOptional() ? Value(raw: try readAvroDecimal()) : nil
  }

  @_lifetime(self: copy self)
  package mutating func readInt() throws(CodecError) -> Int32 {
    let start = position
    guard let value = Int32(exactly: try readVarint()) else {
      throw .malformed(at: start, reason: "an int of more than 32 bits")
    }
    return value
  }

  @_lifetime(self: copy self)
  package mutating func readEnum<Value: RawRepresentable & CaseIterable>(
    _ type: Value.Type
  ) throws(CodecError) -> Value where Value.RawValue == UInt8 {
    let start = position
    guard let value = Value(rawValue: try readAvroEnum(count: Value.allCases.count)) else {
      throw .malformed(at: start, reason: "an enum symbol that does not exist")
    }
    return value
  }

  @_lifetime(self: copy self)
  package mutating func readDetail() throws(CodecError) -> String { try readAvroOptional() ? try readAvroString() : "" }

  /// The schema id, which must be that of `topic`.
  @_lifetime(self: copy self)
  package mutating func expectSchema(of topic: Topic) throws(CodecError) {
    let id = try readSchemaID()
    guard id == topic.schemaID else {
      throw .malformed(at: 1, reason: "schema \(id), which is not that of \(topic.name)")
    }
  }

  package func expectEnd() throws(CodecError) {
    guard isAtEnd else { throw .malformed(at: position, reason: "bytes behind the last field") }
  }
}

extension RecordView {
  /// The key as a name of an instrument or a source.
  package func name() throws(CodecError) -> String {
    guard hasKey, key.byteCount > 0, key.byteCount <= EventLimits.nameBytesMax, key.isUTF8 else {
      throw .malformed(at: 0, reason: "a key that is no name")
    }
    return String(utf8: key)
  }
}
