// Kafka's record batch v2, the output side.

/// Collects records and makes one batch of them. All buffers are reused: a record costs no allocation, a batch one.
/// Whoever fills it keeps the limits of the log; a batch beyond 2 GiB is a programming error.
package struct RecordBatchWriter: ~Copyable {
  private var records = BatchRecords()
  private var batch = ByteWriter(capacity: 0)
  private var baseTimestamp: Int64 = 0
  private var maxTimestamp: Int64 = 0
  /// Records since the last `finish`.
  package private(set) var recordCount = 0

  package init() {}

  /// The records so far, before compression, and the header.
  package var byteCount: Int { records.bytes.count + RecordBatchHeader.encodedByteCount }

  /// Adds a record. A nil `key` is a null key; a nil `value` a tombstone; `headers` are as `RecordCursor` has them,
  /// their count first.
  package mutating func append(timestampMillis: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan? = nil) {
    if recordCount == 0 {
      baseTimestamp = timestampMillis
      maxTimestamp = timestampMillis
    }
    maxTimestamp = max(maxTimestamp, timestampMillis)
    // Wraps around for absurd times, as reading does: exact all the same.
    records.bytes.append(
      recordWithTimeDelta: timestampMillis &- baseTimestamp, offsetDelta: Int64(recordCount), key: key, value: value,
      headers: headers)
    recordCount += 1
  }

  /// The batch of all records since the last call; the writer is empty again. At least one record.
  package mutating func finish(compression: Compression = .lz4) -> EncodedBatch {
    precondition(recordCount > 0, "a batch without a record")
    let heading = BatchHeading(
      lastOffsetDelta: recordCount - 1, baseTimestampMillis: baseTimestamp, maxTimestampMillis: maxTimestamp,
      recordCount: recordCount)
    records.finish(heading, compression, into: &batch)
    let finished = EncodedBatch(bytes: batch.copy(), recordCount: recordCount, maxTimestampMillis: maxTimestamp)
    records.bytes.removeAll()
    recordCount = 0
    return finished
  }
}
