// What the suites of all logs share: batches whose content tells which records they are, and reading them all back.

package import Codecs
import Core
package import Kit
package import Log
import Testing

/// A record as a test wants to compare it.
package struct StoredRecord: Equatable, Sendable, CustomStringConvertible {
  package var offset: Int64
  package var timestampMillis: Int64
  package var key: String?
  package var value: String?

  package init(offset: Int64, timestampMillis: Int64, key: String?, value: String?) {
    self.offset = offset
    self.timestampMillis = timestampMillis
    self.key = key
    self.value = value
  }

  package var description: String { "\(offset)@\(timestampMillis) \(key ?? "-")=\(value ?? "-")" }
}

/// A batch of one record per value; timestamps count up from `timestampMillis`, by
/// default from the first millisecond that every log keeps.
package func makeBatch(
  _ values: [String], timestampMillis: Int64 = 1, key: String? = nil, compression: Compression = .lz4
) -> EncodedBatch {
  makeBatch(values.enumerated().map { (timestampMillis + Int64($0.offset), $0.element) }, key, compression)
}

/// A batch of records with a timestamp each.
package func makeBatch(_ records: [(Int64, String)], _ key: String? = nil, _ compression: Compression = .lz4)
  -> EncodedBatch
{
  var writer = RecordBatchWriter()
  for (timestampMillis, value) in records {
    let value = Array(value.utf8)
    if let key {
      let key = Array(key.utf8)
      writer.append(timestampMillis: timestampMillis, key: key.span.bytes, value: value.span.bytes)
    } else {
      writer.append(timestampMillis: timestampMillis, key: nil, value: value.span.bytes)
    }
  }
  return writer.finish(compression: compression)
}

/// A value that compresses badly, so that a test can say how large a batch is.
package func filler(_ byteCount: Int, _ random: inout SplitMix) -> String {
  String(decoding: (0..<byteCount).map { _ in UInt8.random(in: 33...126, using: &random) }, as: UTF8.self)
}

/// All records from `offset` to the high watermark; stops at `limit` records.
package func readAll<Partition: PartitionLog>(
  _ partition: Partition, from offset: Int64 = 0, maxBytes: Int = 1 << 16, limit: Int = .max
) throws -> [StoredRecord] {
  var buffer = ByteWriter()
  var records: [StoredRecord] = []
  var offset = offset
  while records.count < limit {
    buffer.removeAll()
    guard try partition.read(from: offset, maxBytes: maxBytes, into: &buffer) else { break }
    for record in try decode(buffer.bytes) where record.offset >= offset { records.append(record) }
    offset = try endOffset(of: buffer.bytes)
  }
  return records
}

/// The offset behind the last of the batches that `bytes` consist of, whether or not it has a record.
package func endOffset(of bytes: RawSpan) throws -> Int64 {
  var end: Int64 = 0
  var rest = bytes
  while rest.byteCount > 0 {
    let header = try RecordBatchHeader.parse(rest)
    end = header.lastOffset + 1
    rest = rest.extracting(droppingFirst: header.byteCount)
  }
  return end
}

/// The records of the batches that `bytes` consist of.
package func decode(_ bytes: RawSpan) throws -> [StoredRecord] {
  var records: [StoredRecord] = []
  var reader = RecordBatchReader()
  var rest = bytes
  while rest.byteCount > 0 {
    let header = try reader.open(rest, verifyingChecksum: true)
    try reader.forEachRecord { (record: RecordView) throws(CodecError) in
      records.append(
        StoredRecord(
          offset: record.offset, timestampMillis: record.timestampMillis,
          key: record.hasKey ? String(utf8: record.key) : nil,
          value: record.hasValue ? String(utf8: record.value) : nil))
    }
    rest = rest.extracting(droppingFirst: header.byteCount)
  }
  return records
}

extension PartitionLog {
  /// Appends and waits until it is acknowledged.
  @discardableResult package func appendAndWait(_ batch: EncodedBatch) throws -> Int64 {
    let answer = Monitor<Result<Int64, LogError>?>(nil)
    try append(batch) { result in
      answer.withLock { $0 = result }
      answer.broadcast()
    }
    return try answer.wait { $0 }.get()
  }
}
