// One record of a batch v2; `RecordCursor` shows the layout.

extension ByteWriter {
  /// Appends a record. A nil `key` is a null key, a nil `value` a tombstone; `headers` is an encoded section.
  @inlinable @inline(__always) mutating func append(
    recordWithTimeDelta timeDelta: Int64, offsetDelta: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan?
  ) {
    let keyCount = if let key { key.byteCount } else { -1 }
    let valueCount = if let value { value.byteCount } else { -1 }
    let headersCount = if let headers { headers.byteCount } else { 1 }
    let time = Varint(timeDelta)
    let offset = Varint(offsetDelta)
    let keyLength = Varint(Int64(keyCount))
    let valueLength = Varint(Int64(valueCount))
    let length =
      1 + time.count + offset.count + keyLength.count + max(keyCount, 0) + valueLength.count
      + max(valueCount, 0) + headersCount
    reserve(length + 10)
    append(Varint(Int64(length)))
    append(UInt8(0))
    append(time)
    append(offset)
    append(keyLength)
    if let key { append(key) }
    append(valueLength)
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

  @inlinable @inline(__always) mutating func append(_ varint: Varint) {
    reserve(10)
    unsafe base.storeBytes(of: varint.low.littleEndian, toByteOffset: storedCount, as: UInt64.self)
    if varint.count > 8 {
      unsafe base.storeBytes(of: varint.high.littleEndian, toByteOffset: storedCount &+ 8, as: UInt16.self)
    }
    storedCount &+= varint.count
  }
}

/// A zig-zag varint whose length is needed before its place is known. Up to four bytes it is made without a branch on
/// how many: lengths and time deltas lie on both sides of what fits one byte, and a wrong guess costs more than all
/// else here.
@usableFromInline struct Varint {
  /// The first eight bytes, and what lies behind the last one.
  @usableFromInline let low: UInt64
  /// The ninth and the tenth.
  @usableFromInline let high: UInt16
  @usableFromInline let count: Int

  @inlinable @inline(__always) init(_ value: Int64) {
    let rest = UInt64(bitPattern: value << 1 ^ value >> 63)
    guard rest < 1 << 28 else {
      (low, high, count) = Self.long(rest)
      return
    }
    let raw = UInt32(truncatingIfNeeded: rest)
    let digits = raw & 0x7f | (raw & 0x3f80) << 1 | (raw & 0x1f_c000) << 2 | (raw & 0xfe0_0000) << 3
    // A byte for each seven bits, and one at least.
    let more = (raw > 0x7f ? 1 : 0) &+ (raw > 0x3fff ? 1 : 0) &+ (raw > 0x1f_ffff ? 1 : 0)
    low = UInt64(digits | 0x80_8080 & ((1 &<< UInt32(truncatingIfNeeded: 8 &* more)) &- 1))
    high = 0
    count = more &+ 1
  }

  @usableFromInline @inline(never) static func long(_ value: UInt64) -> (low: UInt64, high: UInt16, count: Int) {
    var bytes: (low: UInt64, high: UInt64) = (0, 0)
    var rest = value
    var count = 0
    repeat {
      let byte = rest & 0x7f | (rest > 0x7f ? 0x80 : 0)
      if count < 8 { bytes.low |= byte << UInt64(8 * count) } else { bytes.high |= byte << UInt64(8 * (count - 8)) }
      rest >>= 7
      count += 1
    } while rest > 0
    return (bytes.low, UInt16(truncatingIfNeeded: bytes.high), count)
  }
}
