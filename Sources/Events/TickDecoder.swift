// Records of prices.ticks.v1 -> rows: the hottest loop of the system.

package import Codecs

/// Decodes ticks against two tables of names, instruments and sources, which grow with what is seen first.
package enum TickDecoder {
  /// The row of `record`. Throws where the value is not what the schema says; no table changes then.
  package static func decode(
    _ record: RecordView, instruments: inout ByteInterner, sources: inout ByteInterner
  ) throws(CodecError) -> TickRow {
    if record.padding >= fastPadding {
      let fast = decodeFast(
        record.key, keyStart: 0, keyCount: record.key.byteCount, record.value, valueStart: 0,
        valueCount: record.value.byteCount, offset: record.offset, instruments: instruments, sources: sources)
      if let fast { return fast }
    }
    return try decodeExactly(record, instruments: &instruments, sources: &sources)
  }

  /// How many bytes must be readable behind the value for the fast way.
  static let fastPadding = 40

  /// The common shape, in as few dependent steps as possible; nil for all others, right or wrong, and for names seen
  /// for the first time. Every load stays within the value and its padding: at most 26 + 16 bytes of the head, source
  /// and all, then lengths that were checked. A null key is an empty one here: only a clock may have either.
  // Transparent, because the loop around it gains a fifth when this is inlined and nothing weaker does it. Places
  // instead of spans of key and value, because to make one is to check what is known already.
  @_transparent
  static func decodeFast(
    _ key: RawSpan, keyStart: Int, keyCount: Int, _ bytes: RawSpan, valueStart: Int, valueCount: Int, offset: Int64,
    instruments: borrowing ByteInterner, sources: borrowing ByteInterner
  ) -> TickRow? {
    let end = valueStart &+ valueCount
    // The shortest value of this shape has 26 + 0 + 2 + 2 + 1 bytes.
    guard valueCount >= 31 else { return nil }
    let head = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: valueStart, as: UInt64.self).littleEndian
    // Zero byte, schema id 1 big-endian, and the enums' indices, which zig-zag doubles: of two bits each at most.
    let kindCode = UInt8(truncatingIfNeeded: head >> 40)
    let sideCode = UInt8(truncatingIfNeeded: head >> 48)
    guard head & 0x00f9_f9ff_ffff_ffff == 0x01_0000_0000, sideCode <= 4 else { return nil }
    // 0 to 3 and 0 to 2: just the cases' raw values.
    let kind = unsafe unsafeBitCast(kindCode >> 1, to: TickKind.self)
    let side = unsafe unsafeBitCast(sideCode >> 1, to: TickSide.self)
    let low = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: valueStart &+ 7, as: UInt64.self).littleEndian
    let appendLow = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: valueStart &+ 16, as: UInt64.self)
      .littleEndian
    let top = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: valueStart &+ 15, as: UInt8.self)
    let appendTop = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: valueStart &+ 24, as: UInt8.self)
    guard ~(low & appendLow) & 0x8080_8080_8080_8080 == 0, (top | appendTop) < 0x80 else { return nil }

    let sourceCode = Int(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: valueStart &+ 25, as: UInt8.self))
    let sourceCount = sourceCode >> 1
    let sourceStart = valueStart &+ 26
    let priceStart = sourceStart &+ sourceCount &+ 1
    guard sourceCode & 1 == 0, sourceCount <= 16, priceStart < end else { return nil }
    let priceCode = Int(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: priceStart &- 1, as: UInt8.self))
    let volumeStart = priceStart &+ priceCode >> 1 &+ 1
    guard isDecimalCode(priceCode), volumeStart < end else { return nil }
    let volumeCode = Int(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: volumeStart &- 1, as: UInt8.self))
    let sequenceStart = volumeStart &+ volumeCode >> 1
    guard isDecimalCode(volumeCode), sequenceStart < end else { return nil }
    guard Self.isSequence(bytes, from: sequenceStart, to: end) else { return nil }

    let source = sources.find(in: bytes, at: sourceStart, count: sourceCount)
    let instrument = instruments.find(in: key, at: keyStart, count: keyCount)
    guard source >= 0, kind == .clock || instrument >= 0 && keyCount > 0 else { return nil }
    return TickRow(
      price: Price(raw: Self.decimal(bytes, endingAt: volumeStart &- 1, count: priceCode >> 1)),
      volume: Quantity(raw: Self.decimal(bytes, endingAt: sequenceStart, count: volumeCode >> 1)),
      eventTime: Timestamp(nanos: Self.nineByteVarint(low, top)),
      appendTime: Timestamp(nanos: Self.nineByteVarint(appendLow, appendTop)), offset: offset,
      instrument: kind == .clock ? -1 : instrument, source: UInt16(truncatingIfNeeded: source), kind: kind, side: side)
  }

  /// The length byte of 1 to 16 bytes: zig-zag doubles it.
  @inline(__always) static func isDecimalCode(_ code: Int) -> Bool {
    code & 1 == 0 && UInt(bitPattern: code &- 2) <= 30
  }

  /// Whether a null, or a long of up to eight bytes, begins at `start` and ends at `end`.
  @inline(__always) static func isSequence(_ value: RawSpan, from start: Int, to end: Int) -> Bool {
    let branch = unsafe value.unsafeLoad(fromUncheckedByteOffset: start, as: UInt8.self)
    let count = end &- start &- 1
    if branch == 0 { return count == 0 }
    guard branch == 2, count >= 1, count <= 8 else { return false }
    let word = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 1, as: UInt64.self).littleEndian
    // The first byte without a continuation bit must be the last one.
    return (~word & 0x8080_8080_8080_8080).trailingZeroBitCount >> 3 == count &- 1
  }

  /// A zig-zag varint of exactly nine bytes: eight in `low`, each with its continuation bit, and `top`.
  @inline(__always) static func nineByteVarint(_ low: UInt64, _ top: UInt8) -> Int64 {
    var word = low & 0x7f7f_7f7f_7f7f_7f7f
    word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1
    word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2
    word = word & 0x0000_0000_0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
    word |= UInt64(top) << 56
    return Int64(bitPattern: word >> 1) ^ -Int64(bitPattern: word & 1)
  }

  /// A decimal of `count` bytes, 1 to 16, that ends before `end`, which is 16 or more. No branch on `count`: prices lie
  /// on both sides of eight bytes.
  @inline(__always) static func decimal(_ value: RawSpan, endingAt end: Int, count: Int) -> Int128 {
    let low = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: end &- 8, as: Int64.self).bigEndian
    let high = unsafe value.unsafeLoadUnaligned(fromUncheckedByteOffset: end &- 16, as: Int64.self).bigEndian
    let bits = Int64(truncatingIfNeeded: count &* 8)
    // What lies in front of the decimal is shifted out; its sign is shifted back in.
    let lowUnused = max(64 &- bits, 0)
    let lowWord = (low &<< lowUnused) &>> lowUnused
    let highUnused = 128 &- bits
    let highWord = bits > 64 ? (high &<< highUnused) &>> highUnused : lowWord >> 63
    return Int128(highWord) << 64 | Int128(UInt64(bitPattern: lowWord))
  }

  /// The same by the exact way, for every legal shape and for names not seen before.
  @inline(never)
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
