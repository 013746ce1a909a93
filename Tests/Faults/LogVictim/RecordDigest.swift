// A record as the ledger knows it: 64 bits that say whether it is the one that was acknowledged.

import Codecs
import Log

/// FNV-1a over timestamp, key and value.
struct RecordDigest {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  init() {}

  init(_ record: RecordView) {
    add(UInt64(bitPattern: record.timestampMillis))
    add(record.hasKey ? UInt64(record.key.byteCount) : .max)
    add(record.key)
    add(record.hasValue ? UInt64(record.value.byteCount) : .max)
    add(record.value)
  }

  mutating func add(_ number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { step(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
  }

  private mutating func add(_ bytes: RawSpan) {
    for index in bytes.byteOffsets { step(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)) }
  }

  private mutating func step(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }

  /// Of each record of `bytes`, which are whole batches; with its offset.
  static func each(in bytes: RawSpan, _ body: (Int64, UInt64) -> Void) throws(CodecError) {
    var reader = RecordBatchReader()
    var rest = bytes
    while rest.byteCount > 0 {
      let header = try reader.open(rest, verifyingChecksum: true)
      try reader.forEachRecord { (record: RecordView) throws(CodecError) in
        body(record.offset, RecordDigest(record).value)
      }
      rest = rest.extracting(droppingFirst: header.byteCount)
    }
  }

  /// Of all records of a partition, by offset; `.corrupt` and the like as the log says.
  static func all(of partition: some PartitionLog, maxBytes: Int = 1 << 18) throws -> [Int64: UInt64] {
    var digests: [Int64: UInt64] = [:]
    var offset = partition.startOffset
    var buffer = ByteWriter(capacity: maxBytes)
    while try partition.read(from: offset, maxBytes: maxBytes, into: &buffer) {
      try each(in: buffer.bytes) { recordOffset, digest in
        guard recordOffset >= offset else { return }
        digests[recordOffset] = digest
        offset = recordOffset + 1
      }
      buffer.removeAll()
    }
    return digests
  }
}
