// Avro binary (specification 1.11, "Binary encoding") in Confluent framing: the input side.

extension ByteReader {
  /// Confluent framing: a zero byte and the schema's id, big-endian.
  @_lifetime(self: copy self)
  @inlinable package mutating func readSchemaID() throws(CodecError) -> UInt32 {
    let start = position
    guard remaining >= 5 else { throw .truncated(at: start) }
    guard try readByte() == 0 else { throw .malformed(at: start, reason: "a value without the framing's zero byte") }
    return try read(bigEndian: UInt32.self)
  }

  /// Avro `bytes` or `string`, not copied.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  @inlinable package mutating func readAvroBytes() throws(CodecError) -> RawSpan {
    let start = position
    guard let count = Int(exactly: try readVarint()), count >= 0 else {
      throw .malformed(at: start, reason: "a negative length")
    }
    guard count <= remaining else { throw .truncated(at: start) }
    return try read(count: count)
  }

  @_lifetime(self: copy self)
  package mutating func readAvroString() throws(CodecError) -> String {
    let start = position
    let text = try readAvroBytes()
    guard text.isUTF8 else { throw .malformed(at: start, reason: "a string that is not UTF-8") }
    return String(utf8: text)
  }

  @_lifetime(self: copy self)
  @inlinable package mutating func readAvroBoolean() throws(CodecError) -> Bool {
    let start = position
    let byte = try readByte()
    guard byte <= 1 else { throw .malformed(at: start, reason: "a boolean that is neither 0 nor 1") }
    return byte == 1
  }

  /// Avro `decimal` on `bytes`: the unscaled value. One to sixteen bytes; longer than necessary is legal.
  @_lifetime(self: copy self)
  @inlinable package mutating func readAvroDecimal() throws(CodecError) -> Int128 {
    let start = position
    let bytes = try readAvroBytes()
    let count = bytes.byteCount
    guard count > 0 else { throw .malformed(at: start, reason: "a decimal without a byte") }
    guard count <= CodecLimits.decimalBytesMax else {
      throw .tooLarge(at: start, reason: "a decimal of more than \(CodecLimits.decimalBytesMax) bytes")
    }
    var value = Int128(Int8(bitPattern: unsafe bytes.unsafeLoad(fromUncheckedByteOffset: 0, as: UInt8.self)))
    for index in 1..<max(count, 1) {
      value = value &<< 8 | Int128(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
    }
    return value
  }

  /// Avro `["null", T]`: whether a value follows.
  @_lifetime(self: copy self)
  @inlinable package mutating func readAvroOptional() throws(CodecError) -> Bool {
    let start = position
    let branch = try readVarint()
    guard branch == 0 || branch == 1 else { throw .malformed(at: start, reason: "a union branch that does not exist") }
    return branch == 1
  }

  /// Avro `enum` of `count` symbols: the symbol's index.
  @_lifetime(self: copy self)
  @inlinable package mutating func readAvroEnum(count: Int) throws(CodecError) -> UInt8 {
    let start = position
    guard let index = UInt8(exactly: try readVarint()), index < count else {
      throw .malformed(at: start, reason: "an enum symbol that does not exist")
    }
    return index
  }
}
