// Kafka's record batch v2 with gaps: what is left of several batches after compaction, or of one after a cut.

/// Collects records that keep their offsets and makes one batch of them, which may cover offsets that hold no record:
/// in front of the first, between them, and behind the last. Batches that cover all offsets leave no doubt whether one
/// is missing. All buffers are reused.
package struct SparseBatchWriter: ~Copyable {
  private var records = BatchRecords()
  /// The first offset that the batch covers.
  package private(set) var baseOffset: Int64 = 0
  /// From when on its tombstones may go.
  package private(set) var horizonMillis: Int64?
  private var baseTimestamp: Int64 = 0
  private var maxTimestamp: Int64 = -1
  package private(set) var recordCount = 0

  package init() {}

  /// The records so far, before compression.
  package var byteCount: Int { records.bytes.count }

  /// Begins a batch at `baseOffset`.
  package mutating func begin(at baseOffset: Int64, horizonMillis: Int64? = nil) {
    records.bytes.removeAll()
    self.baseOffset = baseOffset
    self.horizonMillis = horizonMillis
    baseTimestamp = horizonMillis ?? 0
    maxTimestamp = -1
    recordCount = 0
  }

  /// Copies the record on which `cursor` stands, headers and all. Its offset is not before `baseOffset`, nor before
  /// that of the record before.
  package mutating func append(_ cursor: borrowing RecordCursor) {
    let record = cursor.record
    append(
      offset: record.offset, timestampMillis: record.timestampMillis, key: record.hasKey ? record.key : nil,
      value: record.hasValue ? record.value : nil, headers: cursor.storedHeaders)
  }

  /// Adds a record; `headers` is an encoded section. Its offset is as above.
  package mutating func append(
    offset: Int64, timestampMillis: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan
  ) {
    if recordCount == 0, horizonMillis == nil { baseTimestamp = timestampMillis }
    maxTimestamp = recordCount == 0 ? timestampMillis : max(maxTimestamp, timestampMillis)
    records.bytes.append(
      recordWithTimeDelta: timestampMillis &- baseTimestamp, offsetDelta: offset - baseOffset, key: key, value: value,
      headers: headers)
    recordCount += 1
  }

  /// Replaces the content of `batch` by the batch, which covers the offsets up to `lastOffset`, at most 2^31 from the
  /// first. No record at all makes an empty one.
  package mutating func finish(lastOffset: Int64, into batch: inout ByteWriter) {
    let heading = BatchHeading(
      lastOffsetDelta: Int(lastOffset - baseOffset), baseTimestampMillis: baseTimestamp,
      maxTimestampMillis: maxTimestamp, recordCount: recordCount, hasTombstoneHorizon: horizonMillis != nil)
    // An empty batch has nothing to compress, and Kafka's readers want none.
    records.finish(heading, recordCount == 0 ? .none : .lz4, into: &batch)
    batch.overwrite(bigEndian: baseOffset, at: 0)
  }
}
