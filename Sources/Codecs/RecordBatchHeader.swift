// The fixed part of Kafka's record batch, format v2 (kafka.apache.org/documentation/#recordbatch).
//
//   0        8        12       16    17     21     23         27       35       43         57       61
//   +--------+--------+--------+-----+------+------+----------+--------+--------+----------+--------+---------
//   | base   | length | leader | ma- | CRC- | at-  | last off-| base   | max    | producer | record | records
//   | offset | behind | epoch  | gic | 32C  | trs  | set delta| time   | time   | fields   | count  |
//   +--------+--------+--------+-----+------+------+----------+--------+--------+----------+--------+---------
//   The length counts what lies behind it; the checksum covers the attributes and all behind them. All big-endian.

/// The header of one record batch, with every field that a log needs checked.
@usableFromInline package struct RecordBatchHeader: Equatable, Sendable {
  @usableFromInline package var baseOffset: Int64
  /// The whole batch, this header included.
  package var byteCount: Int
  package var checksum: UInt32
  package var compression: Compression
  package var isControl: Bool
  /// From this moment on a compaction may drop the batch's tombstones; then the base time is this moment (KIP-534).
  package var tombstoneHorizonMillis: Int64?
  /// The offset of the last record; in a compacted batch more than base offset plus count.
  @usableFromInline package var lastOffset: Int64
  @usableFromInline package var baseTimestampMillis: Int64
  package var maxTimestampMillis: Int64
  @usableFromInline package var recordCount: Int

  /// The bytes in front of the records.
  package static let encodedByteCount = 61
  /// Where the base offset lies: no checksum covers it, so that a log can fill it in.
  package static let baseOffsetRange = 0..<8
  static let checksumOffset = 17
  static let attributesOffset = 21

  /// Reads the header of the batch that `bytes` begin with. Throws `.truncated` if they do not hold the whole header;
  /// whether they hold the whole batch, `byteCount` tells.
  package static func parse(_ bytes: RawSpan) throws(CodecError) -> Self {
    guard bytes.byteCount >= encodedByteCount else { throw .truncated(at: bytes.byteCount) }
    var reader = ByteReader(bytes)
    let baseOffset = try reader.read(bigEndian: Int64.self)
    let length = Int(try reader.read(bigEndian: Int32.self))
    guard length >= encodedByteCount - 12 else { throw .malformed(at: 8, reason: "a batch shorter than its header") }
    try reader.skip(4)
    guard try reader.readByte() == 2 else { throw .malformed(at: 16, reason: "a batch that is not of format 2") }
    let checksum = try reader.read(bigEndian: UInt32.self)
    let attributes = try reader.read(bigEndian: UInt16.self)
    guard let compression = Compression(rawValue: UInt8(attributes & 7)) else {
      throw .malformed(at: 21, reason: "compression \(attributes & 7), which is neither none nor LZ4")
    }
    let lastOffsetDelta = try reader.read(bigEndian: Int32.self)
    let baseTimestamp = try reader.read(bigEndian: Int64.self)
    let maxTimestamp = try reader.read(bigEndian: Int64.self)
    try reader.skip(14)
    let recordCount = try reader.read(bigEndian: Int32.self)
    let (lastOffset, overflow) = baseOffset.addingReportingOverflow(Int64(lastOffsetDelta))
    guard baseOffset >= 0, lastOffsetDelta >= 0, !overflow, recordCount >= 0, recordCount - 1 <= lastOffsetDelta else {
      throw .malformed(at: 0, reason: "offsets that contradict the record count")
    }
    return Self(
      baseOffset: baseOffset, byteCount: length + 12, checksum: checksum, compression: compression,
      isControl: attributes & 0x20 != 0, tombstoneHorizonMillis: attributes & 0x40 != 0 ? baseTimestamp : nil,
      lastOffset: lastOffset, baseTimestampMillis: baseTimestamp,
      maxTimestampMillis: maxTimestamp, recordCount: Int(recordCount))
  }

  /// Checks the checksum of the batch that `bytes` begin with. Throws `.truncated` if they do not hold all of it.
  package static func checkCRC(_ bytes: RawSpan) throws(CodecError) {
    let header = try parse(bytes)
    guard bytes.byteCount >= header.byteCount else { throw .truncated(at: bytes.byteCount) }
    let covered = unsafe bytes.extracting(unchecked: attributesOffset..<header.byteCount)
    let actual = CRC32C.checksum(covered)
    guard actual == header.checksum else { throw .checksumMismatch(expected: header.checksum, actual: actual) }
  }

  /// Writes the header of a batch with nothing behind it yet; length and checksum are `complete`'s.
  static func append(_ compression: Compression, _ heading: BatchHeading, to batch: inout ByteWriter) {
    batch.append(bigEndian: Int64(0))  // Base offset: the log's to fill in.
    batch.append(bigEndian: Int32(0))  // Length: known at the end.
    batch.append(bigEndian: Int32(0))  // Leader epoch: the log's too.
    batch.append(UInt8(2))
    batch.append(bigEndian: UInt32(0))  // Checksum: known at the end.
    batch.append(bigEndian: UInt16(compression.rawValue) | (heading.hasTombstoneHorizon ? 0x40 : 0))
    batch.append(bigEndian: Int32(truncatingIfNeeded: heading.lastOffsetDelta))
    batch.append(bigEndian: heading.baseTimestampMillis)
    batch.append(bigEndian: heading.maxTimestampMillis)
    batch.append(bigEndian: Int64(-1))  // No idempotent producer: id, epoch, sequence.
    batch.append(bigEndian: Int16(-1))
    batch.append(bigEndian: Int32(-1))
    batch.append(bigEndian: Int32(truncatingIfNeeded: heading.recordCount))
  }

  /// Fills in length and checksum of the batch that begins at `start` and ends with `buffer`.
  static func complete(_ buffer: inout ByteWriter, from start: Int = 0) {
    buffer.overwrite(bigEndian: Int32(truncatingIfNeeded: buffer.count - start - 12), at: start + 8)
    buffer.overwrite(bigEndian: checksum(buffer, from: start + attributesOffset), at: start + checksumOffset)
  }

  private static func checksum(_ buffer: borrowing ByteWriter, from start: Int) -> UInt32 {
    CRC32C.checksum(buffer.bytes.extracting(start...))
  }

  /// Gives the batch at the front of `bytes` its place in a partition.
  package static func patch(baseOffset: Int64, in bytes: inout [UInt8]) {
    precondition(bytes.count >= encodedByteCount)
    for index in baseOffsetRange { bytes[index] = UInt8(truncatingIfNeeded: baseOffset >> Int64(56 - 8 * index)) }
  }
}
