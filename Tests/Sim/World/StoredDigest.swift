// A record as the models know it: its time, its key, and a digest of all of it.

import Codecs

struct StoredDigest: Equatable {
  var timestampMillis: Int64
  var digest: ByteDigest
  /// Nil where there is none: compaction keeps the record.
  var key: ByteDigest?
  /// It says that its key is gone.
  var isTombstone: Bool

  init(timestampMillis: Int64, key: RawSpan?, value: RawSpan?) {
    self.timestampMillis = timestampMillis
    digest = ByteDigest()
    digest.add(UInt64(bitPattern: timestampMillis))
    if let key {
      digest.add(key)
      var only = ByteDigest()
      only.add(key)
      self.key = only
    }
    if let value { digest.add(value) }
    isTombstone = key != nil && value == nil
  }

  init(_ record: RecordView) {
    self.init(
      timestampMillis: record.timestampMillis, key: record.hasKey ? record.key : nil,
      value: record.hasValue ? record.value : nil)
  }
}

/// A record that was read.
struct ReadRecord {
  var offset: Int64
  var stored: StoredDigest
}

/// A stored batch that was read: which offsets it covers, and what of them it holds.
struct ReadBatch {
  var baseOffset: Int64
  var lastOffset: Int64
  var records: [ReadRecord]
}

/// All that was found in a partition.
struct PartitionContent {
  var start: Int64
  var end: Int64
  var records: [ReadRecord] = []
}

/// The batches that `bytes` consist of.
func readBatches(_ bytes: RawSpan) throws(CodecError) -> [ReadBatch] {
  var batches: [ReadBatch] = []
  var reader = RecordBatchReader()
  var position = 0
  while position < bytes.byteCount {
    let header = try reader.open(bytes.extracting(position..<bytes.byteCount), verifyingChecksum: true)
    var batch = ReadBatch(baseOffset: header.baseOffset, lastOffset: header.lastOffset, records: [])
    batch.records.reserveCapacity(header.recordCount)
    try reader.forEachRecord { (record: RecordView) throws(CodecError) in
      batch.records.append(ReadRecord(offset: record.offset, stored: StoredDigest(record)))
    }
    batches.append(batch)
    position += header.byteCount
  }
  return batches
}
