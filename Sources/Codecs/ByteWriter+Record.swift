// One record of a batch v2; `RecordCursor` shows the layout.

extension ByteWriter {
  /// Appends a record. A nil `key` is a null key, a nil `value` a tombstone; `headers` is an encoded section.
  mutating func append(
    recordWithTimeDelta timeDelta: Int64, offsetDelta: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan?
  ) {
    let keyCount = if let key { key.byteCount } else { -1 }
    let valueCount = if let value { value.byteCount } else { -1 }
    let headersCount = if let headers { headers.byteCount } else { 1 }
    let length =
      1 + timeDelta.varintByteCount + offsetDelta.varintByteCount + Int64(keyCount).varintByteCount + max(keyCount, 0)
      + Int64(valueCount).varintByteCount + max(valueCount, 0) + headersCount
    reserve(length + 10)
    append(varint: Int64(length))
    append(UInt8(0))
    append(varint: timeDelta)
    append(varint: offsetDelta)
    append(varint: Int64(keyCount))
    if let key { append(key) }
    append(varint: Int64(valueCount))
    if let value { append(value) }
    if let headers { append(headers) } else { append(UInt8(0)) }
  }

  /// Appends one header of a record: to a section that begins with the varint of their count.
  package mutating func append(headerNamed name: RawSpan, value: RawSpan?) {
    append(varint: Int64(name.byteCount))
    append(name)
    guard let value else { return append(varint: -1) }
    append(varint: Int64(value.byteCount))
    append(value)
  }
}

extension Int64 {
  /// The bytes of the zig-zag varint of this number.
  @inlinable var varintByteCount: Int {
    let zigZag = UInt64(bitPattern: (self << 1) ^ (self >> 63))
    return (70 &- (zigZag | 1).leadingZeroBitCount) / 7
  }
}
