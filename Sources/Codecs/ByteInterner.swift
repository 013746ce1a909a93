// Names -> small dense numbers, so that a fold indexes arrays instead of hashing strings.

/// Gives every distinct byte string an index, in the order of first sight: 0, 1, 2 ... The indices depend on that
/// order alone, never on the hash. Bytes are compared as bytes.
@safe @usableFromInline package struct ByteInterner: ~Copyable, @unchecked Sendable {  // Sole owner of its memory.
  /// An open-addressed slot. Strings of up to 16 bytes lie in it whole; of longer ones the
  /// beginning and a hash do, and the text decides.
  @usableFromInline struct Slot: BitwiseCopyable {
    @usableFromInline var low: UInt64
    @usableFromInline var high: UInt64
    /// The string's length; -1 in an empty slot, which therefore equals nothing.
    @usableFromInline var byteCount: Int32
    @usableFromInline var index: Int32
  }

  @usableFromInline var slots: UnsafeMutablePointer<Slot>
  @usableFromInline var mask: Int
  /// All strings, one after another, and where each begins; one more entry marks the end.
  @usableFromInline var text = ByteWriter(capacity: 0)
  @usableFromInline var starts: [Int] = [0]

  package init() {
    mask = 63
    unsafe slots = Self.emptySlots(64)
  }

  deinit { unsafe slots.deallocate() }

  /// Distinct strings so far.
  @inlinable package var count: Int { starts.count &- 1 }

  /// The string that has `index`, which is below `count`.
  @_lifetime(borrow self)
  @inlinable package func bytes(at index: Int) -> RawSpan {
    precondition(index >= 0 && index < count)
    // Ascending, and the last is the text's length.
    return unsafe text.bytes.extracting(unchecked: starts[index]..<starts[index &+ 1])
  }

  /// The same as text; bytes that are not UTF-8 become U+FFFD.
  package func string(at index: Int) -> String { String(utf8: bytes(at: index)) }

  /// The index of `bytes`, a new one at first sight. `padding` bytes behind them are readable.
  @inlinable @inline(__always) package mutating func intern(_ bytes: RawSpan, padding: Int = 0) -> Int32 {
    let found = find(bytes, padding: padding)
    return found >= 0 ? found : insert(bytes)
  }

  /// The index of `bytes`, or -1 if they were never seen. `padding` bytes behind them are readable.
  @inlinable @inline(__always) package func find(_ bytes: RawSpan, padding: Int = 0) -> Int32 {
    guard bytes.byteCount &+ padding >= 16 else { return findSlowly(bytes) }
    return find(in: bytes, at: 0, count: bytes.byteCount)
  }

  /// The same for the `byteCount` bytes at `start` of `bytes`, of which 16 are readable there in any case.
  @inlinable @inline(__always) package func find(in bytes: RawSpan, at start: Int, count byteCount: Int) -> Int32 {
    guard (byteCount &- 1) & ~15 == 0 else {
      return findSlowly(unsafe bytes.extracting(unchecked: start..<start &+ byteCount))
    }
    let first = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: UInt64.self).littleEndian
    let second = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ 8, as: UInt64.self).littleEndian
    // What lies behind the string's 1 to 16 bytes is masked away, without a branch on how many they are.
    let bits = UInt64(truncatingIfNeeded: byteCount &* 8)
    let low = first & UInt64.max &>> (64 &- min(bits, 64))
    let high = bits > 64 ? second & UInt64.max &>> (128 &- bits) : 0
    return find(low, high, Int32(truncatingIfNeeded: byteCount))
  }

  @inlinable @inline(__always) func find(_ low: UInt64, _ high: UInt64, _ byteCount: Int32) -> Int32 {
    var place = Self.hash(low, high) & mask
    while true {
      let slot = unsafe slots[place]
      if slot.low == low && slot.high == high && slot.byteCount == byteCount { return slot.index }
      if slot.byteCount < 0 { return -1 }
      place = (place &+ 1) & mask
    }
  }

  /// The two halves of a 128-bit product, folded; odd constants keep zeros from collapsing it.
  @inlinable @inline(__always) static func hash(_ low: UInt64, _ high: UInt64) -> Int {
    let product = (low ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: high ^ 0xd6e8_feb8_6659_fd93)
    return Int(truncatingIfNeeded: product.high ^ product.low)
  }

  @usableFromInline @inline(never) func findSlowly(_ bytes: RawSpan) -> Int32 {
    let wanted = Self.slot(of: bytes)
    if wanted.byteCount <= 16 { return find(wanted.low, wanted.high, wanted.byteCount) }
    var place = Self.hash(wanted.low, wanted.high) & mask
    while true {
      let slot = unsafe slots[place]
      if slot.byteCount < 0 { return -1 }
      if slot.low == wanted.low, slot.high == wanted.high, slot.byteCount == wanted.byteCount,
        self.bytes(at: Int(slot.index)).isEqual(to: bytes)
      {
        return slot.index
      }
      place = (place + 1) & mask
    }
  }

  /// The slot that `bytes` would fill, without an index. Strings are keys: far below 2 GiB.
  private static func slot(of bytes: RawSpan) -> Slot {
    var low: UInt64 = 0
    var high: UInt64 = 0
    for index in 0..<bytes.byteCount {
      let byte = UInt64(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
      if index < 8 {
        low |= byte << UInt64(index * 8)
      } else if bytes.byteCount <= 16 {
        high |= byte << UInt64(index * 8 - 64)
      } else {
        high = (high ^ byte) &* 0x0000_0100_0000_01b3
      }
    }
    return Slot(low: low, high: high, byteCount: Int32(truncatingIfNeeded: bytes.byteCount), index: -1)
  }

  @usableFromInline @inline(never) mutating func insert(_ bytes: RawSpan) -> Int32 {
    // At most a quarter full: a second probe is a branch that nobody predicts.
    if (count + 1) * 4 > mask + 1 { grow(to: (mask + 1) * 2) }
    let index = Int32(count)
    var slot = Self.slot(of: bytes)
    slot.index = index
    place(slot)
    text.append(bytes)
    starts.append(text.count)
    return index
  }

  private mutating func place(_ slot: Slot) {
    var place = Self.hash(slot.low, slot.high) & mask
    while unsafe slots[place].byteCount >= 0 { place = (place + 1) & mask }
    unsafe slots[place] = slot
  }

  /// `slotCount` is a power of two, and more than there are.
  private mutating func grow(to slotCount: Int) {
    let old = unsafe slots
    let oldCount = mask + 1
    unsafe slots = Self.emptySlots(slotCount)
    mask = slotCount - 1
    for index in 0..<oldCount where unsafe old[index].byteCount >= 0 { place(unsafe old[index]) }
    unsafe old.deallocate()
  }

  private static func emptySlots(_ count: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
    unsafe slots.initialize(repeating: Slot(low: 0, high: 0, byteCount: -1, index: -1), count: count)
    return unsafe slots
  }

  /// Writes all strings in the order of their indices, for a checkpoint.
  package func save(into output: inout ByteWriter) {
    output.append(varint: Int64(count))
    for index in 0..<count { output.append(avroBytes: bytes(at: index)) }
  }

  /// Replaces the content by what `save` wrote. Throws, and is empty, if that is damaged.
  @_lifetime(reader: copy reader)
  package mutating func restore(from reader: inout ByteReader) throws(CodecError) {
    removeAll()
    let saved = try reader.readVarint()
    // Room for all at once, within what the bytes that there are may hold, whatever a damaged number says.
    var slotCount = mask + 1
    while slotCount < min(Int(clamping: saved), reader.remaining / 16) * 4 { slotCount *= 2 }
    if slotCount > mask + 1 { grow(to: slotCount) }
    for index in 0..<max(saved, 0) {
      let start = reader.position
      let name = try reader.readAvroBytes()
      let found = intern(name, padding: reader.remaining)
      guard found == index else {
        removeAll()
        throw .malformed(at: start, reason: "a name that was saved twice")
      }
    }
  }

  package mutating func removeAll() {
    for place in 0...mask { unsafe slots[place] = Slot(low: 0, high: 0, byteCount: -1, index: -1) }
    text.removeAll()
    starts = [0]
  }
}

extension RawSpan {
  /// Whether both hold the same bytes.
  package func isEqual(to other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    for position in 0..<byteCount {
      let left = unsafe unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      guard unsafe left == other.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self) else { return false }
    }
    return true
  }
}
