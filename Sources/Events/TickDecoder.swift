// Records of prices.ticks.v1 -> rows: the hottest loop of the system.

package import Codecs

/// Decodes ticks against two tables of names, instruments and sources, which grow with what is seen first.
package enum TickDecoder {
  /// The row of `record`. Throws where the value is not what the schema says; no table changes then.
  @inlinable @inline(__always)
  package static func decode(
    _ record: RecordView, instruments: inout ByteInterner, sources: inout ByteInterner
  ) throws(CodecError) -> TickRow {
    if let row = decodeFast(record, instruments: instruments, sources: sources) { return row }
    return try decodeExactly(record, instruments: &instruments, sources: &sources)
  }

  /// The common shape, in as few dependent steps as possible; nil for all others, right or wrong, and for names seen
  /// for the first time. Every load stays within the value and its padding: at most 26 + 16 bytes of the head, source
  /// and all, then lengths that were checked.
  @inlinable @inline(__always)
  static func decodeFast(
    _ record: RecordView, instruments: borrowing ByteInterner, sources: borrowing ByteInterner
  ) -> TickRow? {
    let value = record.value
    let end = value.byteCount
    // The shortest value of this shape has 26 + 0 + 2 + 2 + 1 bytes.
    guard record.padding >= 40, end >= 31 else { return nil }
    let head = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: UInt64.self).littleEndian
    // Zero byte, schema id 1 big-endian, and the enums' indices, which zig-zag doubles.
    let kindCode = UInt8(truncatingIfNeeded: head >> 40)
    let sideCode = UInt8(truncatingIfNeeded: head >> 48)
    guard head & 0xff_ffff_ffff == 0x01_0000_0000, kindCode <= 6, sideCode <= 4, (kindCode | sideCode) & 1 == 0,
      let kind = TickKind(rawValue: kindCode >> 1), let side = TickSide(rawValue: sideCode >> 1)
    else { return nil }
    let low = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: 7, as: UInt64.self).littleEndian
    let appendLow = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: 16, as: UInt64.self).littleEndian
    let top = unsafe value.unsafeLoad(fromUncheckedByteOffset: 15, as: UInt8.self)
    let appendTop = unsafe value.unsafeLoad(fromUncheckedByteOffset: 24, as: UInt8.self)
    let continuation: UInt64 = 0x8080_8080_8080_8080
    guard low & appendLow & continuation == continuation, (top | appendTop) < 0x80 else { return nil }

    let sourceCode = Int(unsafe value.unsafeLoad(fromUncheckedByteOffset: 25, as: UInt8.self))
    let sourceCount = sourceCode >> 1
    let priceStart = 27 &+ sourceCount
    guard sourceCode & 1 == 0, sourceCount <= 16, priceStart < end else { return nil }
    let priceCode = Int(unsafe value.unsafeLoad(fromUncheckedByteOffset: priceStart &- 1, as: UInt8.self))
    let volumeStart = priceStart &+ priceCode >> 1 &+ 1
    guard priceCode & 1 == 0, priceCode &- 2 <= 30, priceCode >= 2, volumeStart < end else { return nil }
    let volumeCode = Int(unsafe value.unsafeLoad(fromUncheckedByteOffset: volumeStart &- 1, as: UInt8.self))
    let sequenceStart = volumeStart &+ volumeCode >> 1
    guard volumeCode & 1 == 0, volumeCode &- 2 <= 30, volumeCode >= 2, sequenceStart < end else { return nil }
    guard Self.isSequence(value, from: sequenceStart) else { return nil }

    let source = sources.find(
      unsafe value.extracting(unchecked: 26..<26 &+ sourceCount), padding: record.padding)
    guard source >= 0 else { return nil }
    var instrument: Int32 = -1
    if kind != .clock {
      guard record.key.byteCount > 0 else { return nil }
      instrument = instruments.find(record.key, padding: record.padding)
      guard instrument >= 0 else { return nil }
    }
    return TickRow(
      price: Price(raw: Self.decimal(value, at: priceStart, count: priceCode >> 1)),
      volume: Quantity(raw: Self.decimal(value, at: volumeStart, count: volumeCode >> 1)),
      eventTime: Timestamp(nanos: Self.nineByteVarint(low, top)),
      appendTime: Timestamp(nanos: Self.nineByteVarint(appendLow, appendTop)), offset: record.offset,
      instrument: instrument, source: UInt16(truncatingIfNeeded: source), kind: kind, side: side)
  }

  /// Whether a null, or a long of up to eight bytes, begins at `start` and ends with the value.
  @inlinable @inline(__always) static func isSequence(_ value: RawSpan, from start: Int) -> Bool {
    let branch = unsafe value.unsafeLoad(fromUncheckedByteOffset: start, as: UInt8.self)
    let count = value.byteCount &- start &- 1
    if branch == 0 { return count == 0 }
    guard branch == 2, count >= 1, count <= 8 else { return false }
    let word = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 1, as: UInt64.self).littleEndian
    // The first byte without a continuation bit must be the last one.
    return (~word & 0x8080_8080_8080_8080).trailingZeroBitCount >> 3 == count &- 1
  }

  /// A zig-zag varint of exactly nine bytes: eight in `low`, each with its continuation bit, and `top`.
  @inlinable @inline(__always) static func nineByteVarint(_ low: UInt64, _ top: UInt8) -> Int64 {
    var word = low & 0x7f7f_7f7f_7f7f_7f7f
    word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1
    word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2
    word = word & 0x0000_0000_0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
    word |= UInt64(top) << 56
    return Int64(bitPattern: word >> 1) ^ -Int64(bitPattern: word & 1)
  }

  /// A decimal of `count` bytes, 1 to 16.
  @inlinable @inline(__always) static func decimal(_ value: RawSpan, at start: Int, count: Int) -> Int128 {
    let first = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: UInt64.self).bigEndian
    if count <= 8 { return Int128(Int64(bitPattern: first) >> Int64(truncatingIfNeeded: 64 &- count &* 8)) }
    let second = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 8, as: UInt64.self).bigEndian
    let shift = UInt64(truncatingIfNeeded: 128 &- count &* 8)
    // Both halves move down by `shift`, 0 to 56 bits; a shift by 64 of the smart kind leaves zero.
    let low = second &>> shift | first << (64 &- shift)
    return Int128(Int64(bitPattern: first) &>> Int64(bitPattern: shift)) << 64 | Int128(low)
  }

  /// The same by the exact way, for every legal shape and for names not seen before.
  @usableFromInline @inline(never)
  static func decodeExactly(
    _ record: RecordView, instruments: inout ByteInterner, sources: inout ByteInterner
  ) throws(CodecError) -> TickRow {
    guard record.hasValue else { throw .truncated(at: 0) }
    let fields = try TickFields(decoding: record.value)
    let source = fields.source(in: record.value)
    try Self.check(source, isKnown: sources.find(source) >= 0, known: sources.count, limit: EventLimits.sourcesMax)
    var instrument: Int32 = -1
    if fields.kind != .clock {
      let key = record.key
      guard key.byteCount > 0 else { throw .malformed(at: 0, reason: "a tick without an instrument") }
      let isKnown = instruments.find(key) >= 0
      try Self.check(key, isKnown: isKnown, known: instruments.count, limit: EventLimits.instrumentsMax)
      instrument = instruments.intern(key)
    }
    return TickRow(
      price: fields.price, volume: fields.volume, eventTime: fields.eventTime, appendTime: fields.appendTime,
      offset: record.offset, instrument: instrument, source: UInt16(truncatingIfNeeded: sources.intern(source)),
      kind: fields.kind, side: fields.side)
  }

  private static func check(_ name: RawSpan, isKnown: Bool, known: Int, limit: Int) throws(CodecError) {
    if isKnown { return }
    guard name.byteCount <= EventLimits.nameBytesMax else {
      throw .tooLarge(at: 0, reason: "a name of more than \(EventLimits.nameBytesMax) bytes")
    }
    guard name.isUTF8 else { throw .malformed(at: 0, reason: "a name that is not UTF-8") }
    guard known < limit else { throw .tooLarge(at: 0, reason: "more than \(limit) distinct names") }
  }
}
