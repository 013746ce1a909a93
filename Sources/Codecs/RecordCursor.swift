// A walk over the records of one batch.
//
//   record: length | attributes (1 byte) | time delta | offset delta | key length, key | value length, value | headers
//   All lengths and deltas are zig-zag varints; a length of -1 is null.

/// Stands before, on or behind the records of a batch; borrowed from the reader that owns them.
@usableFromInline package struct RecordCursor: ~Escapable {
  /// Readable bytes behind the records, so that a fast path may load whole words without asking.
  @usableFromInline package static let padding = 64

  /// All records of the batch and the padding.
  @usableFromInline package let bytes: RawSpan
  /// The end of the records, in front of the padding.
  @usableFromInline let end: Int
  @usableFromInline let baseOffset: Int64
  @usableFromInline let lastOffset: Int64
  @usableFromInline let baseTimestamp: Int64
  @usableFromInline var remaining: Int
  @usableFromInline var position = 0
  /// The current record's position in its partition.
  @usableFromInline package var offset: Int64 = 0
  /// Where its time delta begins.
  @usableFromInline var timeStart = 0
  /// Where its key lies in `bytes`.
  @usableFromInline package var keyStart = 0
  /// -1 for null, as for the value's.
  @usableFromInline package var keyCount = 0
  @usableFromInline package var valueStart = 0
  @usableFromInline package var valueCount = 0

  /// `padded` ends with `padding` bytes that belong to no record, unless it is empty.
  @_lifetime(copy bytes)
  @inlinable init(padded bytes: RawSpan, header: RecordBatchHeader?) {
    self.bytes = bytes
    end = max(bytes.byteCount &- Self.padding, 0)
    baseOffset = header?.baseOffset ?? 0
    lastOffset = header?.lastOffset ?? 0
    baseTimestamp = header?.baseTimestampMillis ?? 0
    remaining = header?.recordCount ?? 0
  }

  /// The record that the last `advance()` found.
  @inlinable package var record: RecordView {
    @_lifetime(copy self) @inline(__always) get {
      RecordView(
        offset: offset, timestampMillis: timestampMillis, key: key, value: value, hasKey: keyCount >= 0,
        hasValue: valueCount >= 0, padding: Self.padding)
    }
  }

  /// The current record's timestamp. Decoded when someone asks, as a tick carries a finer one.
  @inlinable package var timestampMillis: Int64 {
    @inline(__always) get {
      // `advance` has found it whole.
      guard let delta = try? Self.evenVarint(in: bytes, at: timeStart, end: end) else { return baseTimestamp }
      return baseTimestamp &+ delta.value
    }
  }

  /// The current record's key; empty for a null one.
  @inlinable package var key: RawSpan {
    @_lifetime(copy self) @inline(__always) get {
      unsafe bytes.extracting(unchecked: keyStart..<keyStart &+ max(keyCount, 0))
    }
  }

  /// The current record's value; empty for a null one.
  @inlinable package var value: RawSpan {
    @_lifetime(copy self) @inline(__always) get {
      unsafe bytes.extracting(unchecked: valueStart..<valueStart &+ max(valueCount, 0))
    }
  }

  /// The current record's headers as they are stored, their count included.
  package var storedHeaders: RawSpan {
    @_lifetime(copy self) get {
      unsafe bytes.extracting(unchecked: valueStart &+ max(valueCount, 0)..<position)
    }
  }

  /// Goes to the next record; false behind the last one.
  @_lifetime(self: copy self)
  @inlinable @inline(__always) package mutating func advance() throws(CodecError) -> Bool {
    guard remaining > 0 else {
      guard position == end else { throw .malformed(at: position, reason: "bytes behind the last record") }
      return false
    }
    remaining &-= 1
    let start = position
    let length = try varint()
    guard length >= 0, length <= end &- position else { throw .truncated(at: start) }
    let next = position &+ Int(length)
    position &+= 1
    timeStart = position
    position = try Self.evenVarint(in: bytes, at: position, end: end).next
    let offsetDelta = try varint()
    keyCount = try partLength(within: next)
    keyStart = position
    position &+= max(keyCount, 0)
    valueCount = try partLength(within: next)
    valueStart = position
    position &+= max(valueCount, 0)
    guard position < next else { throw .malformed(at: start, reason: "a record longer than its length") }
    offset = baseOffset &+ offsetDelta
    guard offsetDelta >= 0, offset <= lastOffset else {
      throw .malformed(at: start, reason: "a record's offset outside its batch")
    }
    if unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self) == 0 {
      position &+= 1
    } else {
      position = try Self.skipHeaders(in: bytes, at: position, end: next)
    }
    guard position == next else { throw .malformed(at: start, reason: "a record shorter than its length") }
    // The same number, known from the length alone: the next record need not wait for this one's fields.
    position = next
    return true
  }

  /// A key's or value's length, which must leave it inside its record.
  @_lifetime(self: copy self)
  @inlinable @inline(__always) mutating func partLength(within next: Int) throws(CodecError) -> Int {
    let start = position
    let length = try varint()
    // Compared before it is added: a hostile length cannot overflow.
    guard length >= -1, length <= Int64(next &- position) else {
      throw .malformed(at: start, reason: "a key or value longer than its record")
    }
    return Int(truncatingIfNeeded: length)
  }

  /// A zig-zag varint whose length the branch predictor can guess, which lets the CPU run ahead of it: mostly one byte
  /// or mostly two. Reads into the padding at most, since `position` <= `end`.
  @_lifetime(self: copy self)
  @inlinable @inline(__always) mutating func varint() throws(CodecError) -> Int64 {
    let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt16.self).littleEndian
    if word & 0x80 == 0 {
      position &+= 1
      return Int64(word >> 1 & 0x3f) ^ -Int64(word & 1)
    }
    if word < 0x8000 {
      position &+= 2
      let raw = Int64(word & 0x7f | word >> 1 & 0x3f80)
      return raw >> 1 ^ -(raw & 1)
    }
    let (value, next) = try Self.evenVarint(in: bytes, at: position, end: end)
    position = next
    return value
  }

  /// A zig-zag varint of up to four bytes without a branch on how many: time deltas lie on both sides of 64, and a
  /// wrong guess costs more than all else here.
  @inlinable @inline(__always) static func evenVarint(
    in bytes: RawSpan, at position: Int, end: Int
  ) throws(CodecError) -> (value: Int64, next: Int) {
    let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self).littleEndian
    let stops = ~word & 0x8080_8080
    guard stops != 0 else { return try longVarint(in: bytes, at: position, end: end) }
    // All bits up to and including the first byte without a continuation bit.
    let digits = word & (stops ^ (stops &- 1)) & 0x7f7f_7f7f
    let raw = digits & 0x7f | (digits & 0x7f00) >> 1 | (digits & 0x7f_0000) >> 2 | (digits & 0x7f00_0000) >> 3
    return (
      Int64(Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)),
      position &+ (stops.trailingZeroBitCount &+ 1) >> 3
    )
  }

  // The rare ways take and return plain values: were the cursor itself handed to a function that is not inlined, it
  // would live in memory, and every step from record to record would wait for a store.

  @usableFromInline @inline(never) static func longVarint(
    in bytes: RawSpan, at position: Int, end: Int
  ) throws(CodecError) -> (value: Int64, next: Int) {
    var reader = ByteReader(unsafe bytes.extracting(unchecked: 0..<end))
    try reader.skip(position)
    return (try reader.readVarint(), reader.position)
  }

  /// Returns where the headers that begin at `position` end.
  @usableFromInline @inline(never) static func skipHeaders(
    in bytes: RawSpan, at position: Int, end: Int
  ) throws(CodecError) -> Int {
    var reader = ByteReader(unsafe bytes.extracting(unchecked: 0..<end))
    try reader.skip(position)
    let count = try reader.readVarint()
    // Every header has two bytes at least.
    guard count >= 0, count <= Int64(reader.remaining / 2) else {
      throw .malformed(at: position, reason: "more headers than the record has room for")
    }
    for _ in 0..<count {
      let keyCount = try reader.readVarint()
      guard let keyCount = Int(exactly: keyCount) else { throw .truncated(at: reader.position) }
      try reader.skip(keyCount)
      let valueCount = try reader.readVarint()
      guard let valueCount = Int(exactly: valueCount) else { throw .truncated(at: reader.position) }
      if valueCount != -1 { try reader.skip(valueCount) }
    }
    return reader.position
  }
}
