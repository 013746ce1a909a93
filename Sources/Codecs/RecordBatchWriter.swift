// Kafka's record batch v2, the output side.

/// Collects records and makes one batch of them. All buffers are reused: a record costs no allocation, a batch one.
/// Whoever fills it keeps the limits of the log; a batch beyond 2 GiB is a programming error.
package struct RecordBatchWriter: ~Copyable {
  private var records = ByteWriter(capacity: 0)
  private var batch = ByteWriter(capacity: 0)
  private var compressor = LZ4Compressor()
  private var baseTimestamp: Int64 = 0
  private var maxTimestamp: Int64 = 0
  /// Records since the last `finish`.
  package private(set) var recordCount = 0

  package init() {}

  /// The records so far, before compression, and the header.
  package var byteCount: Int { records.count + RecordBatchHeader.encodedByteCount }

  /// Adds a record. A nil `key` is a null key; a nil `value` a tombstone; `headers` are as `RecordCursor` has them,
  /// their count first.
  package mutating func append(timestampMillis: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan? = nil) {
    if recordCount == 0 {
      baseTimestamp = timestampMillis
      maxTimestamp = timestampMillis
    }
    maxTimestamp = max(maxTimestamp, timestampMillis)
    // Wraps around for absurd times, as reading does: exact all the same.
    records.append(
      recordWithTimeDelta: timestampMillis &- baseTimestamp, offsetDelta: Int64(recordCount), key: key, value: value,
      headers: headers)
    recordCount += 1
  }

  /// The batch of all records since the last call; the writer is empty again. At least one record.
  package mutating func finish(compression: Compression = .lz4) -> EncodedBatch {
    precondition(recordCount > 0, "a batch without a record")
    batch.removeAll()
    appendHeader(compression)
    if compression == .none || !Self.compress(records, into: &batch, with: &compressor) {
      // Without memory for the compressor, the same records as they are make as good a batch.
      batch.removeAll()
      appendHeader(.none)
      Self.copy(records, into: &batch)
    }
    RecordBatchHeader.complete(&batch)
    let finished = EncodedBatch(bytes: batch.copy(), recordCount: recordCount, maxTimestampMillis: maxTimestamp)
    records.removeAll()
    recordCount = 0
    return finished
  }

  private static func compress(
    _ records: borrowing ByteWriter, into batch: inout ByteWriter, with compressor: inout LZ4Compressor
  ) -> Bool {
    do throws(CodecError) {
      try compressor.append(records.bytes, to: &batch)
      return true
    } catch {
      return false
    }
  }

  private static func copy(_ records: borrowing ByteWriter, into batch: inout ByteWriter) {
    batch.append(records.bytes)
  }

  private mutating func appendHeader(_ compression: Compression) {
    RecordBatchHeader.append(
      compression, lastOffsetDelta: recordCount - 1, baseTimestampMillis: baseTimestamp,
      maxTimestampMillis: maxTimestamp, recordCount: recordCount, to: &batch)
  }
}
