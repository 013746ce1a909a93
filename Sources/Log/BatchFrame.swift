// What the log must know of a record batch: where it ends, which offsets it holds, whether it is whole.

internal import CPlatform
internal import Codecs

/// The fixed part of a record batch v2, as Kafka lays it out (big-endian; the checksum covers all from byte 21 on):
///
///      0         8        12       16 17    21    23      27        35        43         51    53   57    61
///     +-----------+--------+--------+-+-----+-----+-------+---------+---------+----------+-----+-----+-----+---
///     |base offset| length |unsynced|m| crc |attr |last   |base     |max      |producer  |epoch|base |count|records
///     |           |(from 12)| bytes  |2|     |     |delta  |timestamp|timestamp|id (= -1) |     |seq  |     |
///     +-----------+--------+--------+-+-----+-----+-------+---------+---------+----------+-----+-----+-----+---
///
/// Where Kafka has the leader's epoch, which a log of one machine does not need, the log notes how many bytes of the
/// segment in front of the batch were not synced when it was written. Whatever lies before them was on disk by then: if
/// it is damaged while this batch is whole, that was no torn write. Batches written before this have 0, and claim it of
/// all before them.
struct BatchFrame {
  static let headerBytes = 61
  /// Base offset, length and unsynced bytes: what the log writes itself, outside the checksum.
  static let prefixBytes = 16
  private static let checksumStart = 21

  let baseOffset: Int64
  let byteCount: Int
  let lastOffset: Int64
  let maxTimestampMillis: Int64
  let recordCount: Int
  /// Bytes in front of it that were not known to be on disk when it was written.
  let unsyncedBytes: Int
  private let checksum: UInt32

  /// Reads the frame at `start`. Nil unless there is a whole header whose fields agree with each other and with the
  /// limits; the rest of the batch need not be there.
  init?(_ bytes: RawSpan, at start: Int = 0, byteCountMax: Int) {
    guard start >= 0, bytes.byteCount - start >= Self.headerBytes else { return nil }
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T {
      T(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start + offset, as: T.self))
    }
    guard load(16, UInt8.self) == 2 else { return nil }
    let length = Int(load(8, Int32.self))
    guard length >= Self.headerBytes - 12, length <= byteCountMax - 12 else { return nil }
    unsyncedBytes = Int(load(12, Int32.self))
    guard unsyncedBytes >= 0 else { return nil }
    let lastDelta = Int64(load(23, Int32.self))
    recordCount = Int(load(57, Int32.self))
    baseOffset = load(0, Int64.self)
    // Compaction leaves fewer records than offsets, or none.
    guard recordCount >= 0, lastDelta >= 0, lastDelta >= Int64(recordCount) - 1, baseOffset >= 0 else { return nil }
    let (last, overflow) = baseOffset.addingReportingOverflow(lastDelta)
    guard !overflow, last < Int64.max else { return nil }
    lastOffset = last
    byteCount = length + 12
    maxTimestampMillis = load(35, Int64.self)
    checksum = load(17, UInt32.self)
  }

  /// Whether it has a record at each of its offsets, as every batch had that was appended.
  var isDense: Bool { recordCount >= 1 && lastOffset - baseOffset == Int64(recordCount) - 1 }

  /// Whether it may lie at byte `position`, behind a batch that ended with `previous` unsynced bytes, itself included;
  /// nil where that is not known. No checksum covers the number, so that its place must.
  func isInPlace(at position: Int64, after previous: Int?) -> Bool {
    if unsyncedBytes == 0 { return true }
    return unsyncedBytes == previous ?? unsyncedBytes && Int64(unsyncedBytes) <= position
  }

  /// Whether the batch, of which `bytes` from `start` on must hold all, is the one that was written.
  func isIntact(_ bytes: RawSpan, at start: Int) -> Bool {
    guard start >= 0, bytes.byteCount - start >= byteCount else { return false }
    return CRC32C.checksum(bytes.extracting(start + Self.checksumStart..<start + byteCount)) == checksum
  }
}
