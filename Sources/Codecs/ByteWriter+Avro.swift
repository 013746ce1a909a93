// Avro binary (specification 1.11, "Binary encoding") in Confluent framing: the output side.

extension ByteWriter {
  /// Confluent framing: a zero byte and the schema's id, big-endian.
  @inlinable package mutating func append(schemaID: UInt32) {
    append(UInt8(0))
    append(bigEndian: schemaID)
  }

  /// Avro `bytes`: the length as a `long`, then the bytes.
  @inlinable package mutating func append(avroBytes span: RawSpan) {
    append(varint: Int64(span.byteCount))
    append(span)
  }

  @inlinable package mutating func append(avroString text: String) {
    append(avroBytes: unsafe text.utf8.span.bytes)
  }

  /// Avro `boolean`.
  @inlinable package mutating func append(avroBoolean value: Bool) { append(value ? UInt8(1) : 0) }

  /// Avro `decimal` on `bytes`: the unscaled value in the fewest bytes of big-endian two's complement, one at least.
  @inlinable @inline(__always) package mutating func append(avroDecimal value: Int128) {
    let significantBits = 128 &- (value ^ (value >> 127)).leadingZeroBitCount
    let byteCount = (significantBits >> 3) &+ 1
    reserve(17)
    let aligned = UInt128(bitPattern: value) &<< UInt128(truncatingIfNeeded: 128 &- byteCount &* 8)
    let high = UInt64(truncatingIfNeeded: aligned >> 64).bigEndian
    let low = UInt64(truncatingIfNeeded: aligned).bigEndian
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: byteCount &* 2), toByteOffset: storedCount, as: UInt8.self)
    unsafe base.storeBytes(of: high, toByteOffset: storedCount &+ 1, as: UInt64.self)
    unsafe base.storeBytes(of: low, toByteOffset: storedCount &+ 9, as: UInt64.self)
    storedCount &+= 1 &+ byteCount
  }
}
