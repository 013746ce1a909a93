// The input side of every decoder: a cursor over borrowed bytes that never reads past their end.

/// A cursor over `bytes`. Every read either advances or throws with the offset at fault; nothing traps on input.
@usableFromInline package struct ByteReader: ~Escapable {
  @usableFromInline package let bytes: RawSpan
  @usableFromInline var storedPosition: Int
  @inlinable package var position: Int { storedPosition }

  @_lifetime(copy bytes)
  @inlinable package init(_ bytes: RawSpan) {
    self.bytes = bytes
    storedPosition = 0
  }

  @inlinable package var remaining: Int { bytes.byteCount &- storedPosition }
  @inlinable package var isAtEnd: Bool { remaining == 0 }

  @_lifetime(self: copy self)
  @inlinable @inline(__always) package mutating func readByte() throws(CodecError) -> UInt8 {
    guard remaining >= 1 else { throw .truncated(at: storedPosition) }
    let value = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: storedPosition, as: UInt8.self)
    storedPosition &+= 1
    return value
  }

  @_lifetime(self: copy self)
  @inlinable @inline(__always)
  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(bigEndian type: T.Type) throws(CodecError) -> T {
    guard remaining >= MemoryLayout<T>.size else { throw .truncated(at: storedPosition) }
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: storedPosition, as: T.self)
    storedPosition &+= MemoryLayout<T>.size
    return T(bigEndian: value)
  }

  @_lifetime(self: copy self)
  @inlinable @inline(__always)
  package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(
    littleEndian type: T.Type
  ) throws(CodecError) -> T {
    guard remaining >= MemoryLayout<T>.size else { throw .truncated(at: storedPosition) }
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: storedPosition, as: T.self)
    storedPosition &+= MemoryLayout<T>.size
    return T(littleEndian: value)
  }

  /// Zig-zag LEB128: the `long` of Avro and the varint of Kafka records alike.
  @_lifetime(self: copy self)
  @inlinable @inline(__always) package mutating func readVarint() throws(CodecError) -> Int64 {
    let raw = try readUnsignedVarint()
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  @_lifetime(self: copy self)
  @inlinable @inline(__always) package mutating func readUnsignedVarint() throws(CodecError) -> UInt64 {
    let start = storedPosition
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try readByte()
      value |= UInt64(byte & 0x7f) &<< shift
      if byte < 0x80 {
        if shift == 63 && byte > 1 { throw .malformed(at: start, reason: "a varint of more than 64 bits") }
        return value
      }
      shift &+= 7
      if shift > 63 { throw .malformed(at: start, reason: "a varint of more than 10 bytes") }
    }
  }

  /// The next `count` bytes. A negative or excessive count is an error, never a trap.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  @inlinable @inline(__always) package mutating func read(count: Int) throws(CodecError) -> RawSpan {
    guard count >= 0, count <= remaining else { throw .truncated(at: storedPosition) }
    let start = storedPosition
    storedPosition &+= count
    return unsafe bytes.extracting(unchecked: start..<storedPosition)
  }

  @_lifetime(self: copy self)
  @inlinable package mutating func skip(_ count: Int) throws(CodecError) {
    guard count >= 0, count <= remaining else { throw .truncated(at: storedPosition) }
    storedPosition &+= count
  }
}
