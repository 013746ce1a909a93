// The outputs of a fold for one derived topic, before they are cut into batches.

public import Codecs

/// Records in the order of their emission, as one run of bytes, which is also what is hashed and compared:
///
///     | key length u32 | value length u32 | timestamp ms i64 | key | value |   (little-endian), per record
///
/// Offsets are contiguous in a derived partition, so the bytes of all records since its start say everything that a
/// reader can see of it, and no batch boundary is among them.
@usableFromInline package struct DerivedRecords: ~Copyable {
  @usableFromInline var storedBytes = ByteWriter(capacity: 64 << 10)
  /// Of each record: the offset of the input record that caused it.
  @usableFromInline var storedCauses = Slab<Int64>(filler: 0)
  @usableFromInline static var headerBytes: Int { 16 }

  package init() {}

  @inlinable package var count: Int { storedCauses.count }
  /// The input offset that caused the record at `index`.
  @inlinable package func cause(_ index: Int) -> Int64 { storedCauses[index] }
  /// The canonical bytes of all records.
  @inlinable package var bytes: RawSpan {
    @_lifetime(borrow self) get { storedBytes.bytes }
  }

  @inlinable package mutating func removeAll() {
    storedBytes.removeAll()
    storedCauses.removeAll()
  }

  /// Appends a record whose value `encode` writes.
  @inlinable @inline(__always)
  package mutating func append(
    timestampMillis: Int64, key: RawSpan, cause: Int64, _ encode: (inout ByteWriter) -> Void
  ) {
    let start = storedBytes.count
    // Keys and values are bounded far below 4 GiB by the codecs' limits.
    storedBytes.append(littleEndian: UInt32(truncatingIfNeeded: key.byteCount))
    storedBytes.append(littleEndian: UInt32(0))
    storedBytes.append(littleEndian: timestampMillis)
    storedBytes.append(key)
    let valueStart = storedBytes.count
    encode(&storedBytes)
    let valueCount = UInt32(truncatingIfNeeded: storedBytes.count &- valueStart)
    storedBytes.overwrite(bigEndian: valueCount.byteSwapped, at: start &+ 4)
    storedCauses.append(cause)
  }

  /// The canonical bytes of the record that begins at byte `position` of `bytes`.
  @_lifetime(borrow self)
  @inlinable package func entry(at position: Int) -> RawSpan {
    let all = storedBytes.bytes
    let keyCount = Int(unsafe all.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self))
    let valueCount = Int(unsafe all.unsafeLoadUnaligned(fromByteOffset: position &+ 4, as: UInt32.self))
    return all.extracting(position..<(position &+ Self.headerBytes &+ keyCount &+ valueCount))
  }

  /// The record whose canonical bytes are `entry`.
  @_lifetime(copy entry)
  @inlinable package static func record(_ entry: RawSpan, offset: Int64) -> RecordView {
    let keyCount = Int(unsafe entry.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))
    let timestamp = unsafe entry.unsafeLoadUnaligned(fromByteOffset: 8, as: Int64.self)
    let valueStart = headerBytes &+ keyCount
    return RecordView(
      offset: offset, timestampMillis: timestamp, key: entry.extracting(headerBytes..<valueStart),
      value: entry.extracting(valueStart..<entry.byteCount))
  }

  /// Calls `body` with each record in order, and its index; record i gets the offset `firstOffset + i`.
  @inlinable package func forEach<E: Error>(
    firstOffset: Int64, _ body: (RecordView, Int) throws(E) -> Void
  ) throws(E) {
    var position = 0
    for index in 0..<storedCauses.count {
      let entry = entry(at: position)
      try body(Self.record(entry, offset: firstOffset &+ Int64(index)), index)
      position += entry.byteCount
    }
  }
}
