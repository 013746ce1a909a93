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

  /// Of each record of `bytes`, which are whole batches, and of its key; with its offset. Returns the offset behind.
  @discardableResult
  static func each(in bytes: RawSpan, _ body: (Int64, StoredDigest) -> Void) throws(CodecError) -> Int64 {
    var reader = RecordBatchReader()
    var rest = bytes
    var end: Int64 = 0
    while rest.byteCount > 0 {
      let header = try reader.open(rest, verifyingChecksum: true)
      try reader.forEachRecord { (record: RecordView) throws(CodecError) in
        var key = RecordDigest()
        key.add(record.key)
        body(record.offset, StoredDigest(record: RecordDigest(record).value, key: key.value))
      }
      end = header.lastOffset + 1
      rest = rest.extracting(droppingFirst: header.byteCount)
    }
    return end
  }

  /// Of all records of a partition, by offset; `.corrupt` and the like as the log says.
  static func all(of partition: some PartitionLog, maxBytes: Int = 1 << 18) throws -> [Int64: StoredDigest] {
    var digests: [Int64: StoredDigest] = [:]
    var offset = partition.startOffset
    var buffer = ByteWriter(capacity: maxBytes)
    while try partition.read(from: offset, maxBytes: maxBytes, into: &buffer) {
      // Compacted batches cover offsets of which there is no record any more.
      offset = try each(in: buffer.bytes) { recordOffset, digest in
        if recordOffset >= offset { digests[recordOffset] = digest }
      }
      buffer.removeAll()
    }
    return digests
  }
}

/// What is compared of a stored record; its key tells which newer record may stand for it.
struct StoredDigest: Equatable {
  var record: UInt64
  var key: UInt64
}
