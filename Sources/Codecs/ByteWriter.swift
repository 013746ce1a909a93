// The output side of every encoder: one growing buffer with one owner.
//
// Here and in all types of the hot path, `@usableFromInline` on the type itself is what lets the compiler inline its
// `@inlinable` members in other targets; without it each is a call, and a tick costs half as much again.

/// A byte buffer that grows by doubling and is reused by `removeAll()`. Owned by one thread at a time.
@safe @usableFromInline package struct ByteWriter: ~Copyable, @unchecked Sendable {  // Sole owner of its memory.
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  @usableFromInline var storedCount: Int
  @inlinable package var count: Int { storedCount }

  /// With a `capacity` of 0 nothing is allocated until the first append.
  package init(capacity: Int = 256) {
    storedCount = 0
    if capacity <= 0 {
      unsafe base = UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
      self.capacity = 0
    } else {
      self.capacity = max(capacity, 16)
      unsafe base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }
  }

  deinit { if capacity > 0 { unsafe base.deallocate() } }

  /// The bytes written so far.
  @inlinable package var bytes: RawSpan {
    @_lifetime(borrow self) get {
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: storedCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  @inlinable package mutating func removeAll() { storedCount = 0 }

  /// Drops what was written after `count`.
  @inlinable package mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= storedCount)
    storedCount = count
  }

  /// Makes room for `additional` more bytes, so that the next appends do not allocate.
  @inlinable @inline(__always) package mutating func reserve(_ additional: Int) {
    if capacity &- storedCount < additional { grow(additional) }
  }

  @usableFromInline @inline(never) mutating func grow(_ additional: Int) {
    var wanted = max(capacity, 16)
    while wanted - storedCount < additional { wanted *= 2 }
    let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
    unsafe larger.copyMemory(from: base, byteCount: storedCount)
    if capacity > 0 { unsafe base.deallocate() }
    unsafe base = larger
    capacity = wanted
  }

  @inlinable @inline(__always) package mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base.storeBytes(of: byte, toByteOffset: storedCount, as: UInt8.self)
    storedCount &+= 1
  }

  @inlinable package mutating func append(_ span: RawSpan) {
    let added = span.byteCount
    reserve(added)
    // A name is shorter than the way to the library's copy.
    if added >= 4, added <= 16 {
      let half = added >= 8 ? 8 : 4
      copy(half, of: span, from: 0)
      copy(half, of: span, from: added &- half)
    } else {
      unsafe span.withUnsafeBytes { source in
        guard let start = source.baseAddress else { return }
        unsafe (base + storedCount).copyMemory(from: start, byteCount: added)
      }
    }
    storedCount &+= added
  }

  /// Copies 4 or 8 bytes at `offset` of `span` to the same place behind the end.
  @inlinable @inline(__always) func copy(_ count: Int, of span: RawSpan, from offset: Int) {
    if count == 8 {
      let word = unsafe span.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
      unsafe base.storeBytes(of: word, toByteOffset: storedCount &+ offset, as: UInt64.self)
    } else {
      let word = unsafe span.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
      unsafe base.storeBytes(of: word, toByteOffset: storedCount &+ offset, as: UInt32.self)
    }
  }

  /// Appends `count` zero bytes.
  @inlinable package mutating func append(zeros count: Int) {
    precondition(count >= 0)
    reserve(count)
    unsafe (base + storedCount).initializeMemory(as: UInt8.self, repeating: 0, count: count)
    storedCount &+= count
  }

  @inlinable package mutating func append(utf8 text: String) {
    append(unsafe text.utf8.span.bytes)
  }

  @inlinable package mutating func append(utf8 text: StaticString) {
    let added = text.utf8CodeUnitCount
    reserve(added)
    unsafe (base + storedCount).copyMemory(from: text.utf8Start, byteCount: added)
    storedCount &+= added
  }

  @inlinable @inline(__always)
  package mutating func append<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T) {
    reserve(MemoryLayout<T>.size)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: storedCount, as: T.self)
    storedCount &+= MemoryLayout<T>.size
  }

  @inlinable @inline(__always)
  package mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
    reserve(MemoryLayout<T>.size)
    unsafe base.storeBytes(of: value.littleEndian, toByteOffset: storedCount, as: T.self)
    storedCount &+= MemoryLayout<T>.size
  }

  /// Zig-zag LEB128: the `long` of Avro and the varint of Kafka records alike.
  @inlinable @inline(__always) package mutating func append(varint value: Int64) {
    append(unsignedVarint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  @inlinable @inline(__always) package mutating func append(unsignedVarint value: UInt64) {
    reserve(10)
    // Moments in nanoseconds have nine bytes: all at once.
    if value >> 56 != 0, value >> 63 == 0 {
      unsafe base.storeBytes(of: Self.continued(value).littleEndian, toByteOffset: storedCount, as: UInt64.self)
      unsafe base.storeBytes(
        of: UInt8(truncatingIfNeeded: value >> 56), toByteOffset: storedCount &+ 8, as: UInt8.self)
      storedCount &+= 9
      return
    }
    var rest = value
    while rest >= 0x80 {
      unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: storedCount, as: UInt8.self)
      storedCount &+= 1
      rest >>= 7
    }
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: storedCount, as: UInt8.self)
    storedCount &+= 1
  }

  /// The lower 56 bits of `value`, seven to a byte, each with the bit that says that another follows.
  @inlinable @inline(__always) static func continued(_ value: UInt64) -> UInt64 {
    var word = value & 0x0000_0000_0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4
    word = word & 0x0000_3fff_0000_3fff | (word & 0x0fff_c000_0fff_c000) << 2
    word = word & 0x007f_007f_007f_007f | (word & 0x3f80_3f80_3f80_3f80) << 1
    return word | 0x8080_8080_8080_8080
  }

  /// Overwrites bytes written earlier, such as a length that was not known yet.
  @inlinable package mutating func overwrite<T: FixedWidthInteger & BitwiseCopyable>(bigEndian value: T, at offset: Int)
  {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= storedCount)
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }

  /// Appends up to `count` bytes that `body` writes itself; `body` returns how many it wrote.
  @inlinable package mutating func append<E: Error>(
    upTo count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
  ) throws(E) {
    reserve(count)
    let written = try unsafe body(UnsafeMutableRawBufferPointer(start: base + storedCount, count: count))
    precondition(written >= 0 && written <= count)
    storedCount &+= written
  }

  /// The bytes as an array, for tests and for what leaves the hot path.
  package func copy() -> [UInt8] { [UInt8](bytes) }
}

extension [UInt8] {
  package init(_ span: RawSpan) {
    self = unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
  }
}

extension String {
  /// The text of `span`; bytes that are not UTF-8 become U+FFFD, so check first where it matters.
  package init(utf8 span: RawSpan) {
    self = unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
