// Kafka's record batch v2 around records that have their offsets already.

/// Writes one uncompressed batch straight into a caller's buffer: for records that come from another reader one by one,
/// so that a payload is copied once. Offsets may have gaps. Between `init` and `finish` nobody else writes to the
/// buffer.
@usableFromInline package struct RecordBatchFramer: ~Copyable {
  private let start: Int
  @usableFromInline let baseOffset: Int64
  @usableFromInline var baseTimestamp: Int64 = 0
  @usableFromInline var maxTimestamp: Int64 = 0
  @usableFromInline package var recordCount = 0
  /// The offset behind the last record.
  @usableFromInline package var nextOffset: Int64

  /// Begins a batch at the end of `buffer`.
  package init(baseOffset: Int64, in buffer: inout ByteWriter) {
    start = buffer.count
    self.baseOffset = baseOffset
    nextOffset = baseOffset
    // What only the end knows is written there.
    let heading = BatchHeading(lastOffsetDelta: 0, baseTimestampMillis: 0, maxTimestampMillis: 0, recordCount: 0)
    RecordBatchHeader.append(.none, heading, to: &buffer)
  }

  /// The bytes of the batch so far.
  package func byteCount(in buffer: borrowing ByteWriter) -> Int { buffer.count - start }

  /// Whether a record of this offset can be in this batch: offsets count from the first one, in 32 bits.
  @inlinable @inline(__always) package func canHold(_ offset: Int64) -> Bool {
    offset >= nextOffset && offset - baseOffset < Int64(Int32.max)
  }

  /// Adds a record, which `canHold` must allow. `headers` is an encoded section, nil for none.
  @inlinable @inline(__always) package mutating func append(
    offset: Int64, timestampMillis: Int64, key: RawSpan?, value: RawSpan?, headers: RawSpan? = nil,
    to buffer: inout ByteWriter
  ) {
    precondition(canHold(offset))
    if recordCount == 0 {
      baseTimestamp = timestampMillis
      maxTimestamp = timestampMillis
    }
    maxTimestamp = max(maxTimestamp, timestampMillis)
    buffer.append(
      recordWithTimeDelta: timestampMillis &- baseTimestamp, offsetDelta: offset - baseOffset, key: key, value: value,
      headers: headers)
    recordCount += 1
    nextOffset = offset + 1
  }

  /// Ends the batch, which then holds all offsets up to and without `end`, also those that have no record. A batch of
  /// no record says just that. At least one offset.
  package consuming func finish(at end: Int64, in buffer: inout ByteWriter) {
    precondition(end >= nextOffset && end > baseOffset && end - baseOffset <= Int64(Int32.max))
    buffer.overwrite(bigEndian: baseOffset, at: start)
    buffer.overwrite(bigEndian: Int32(end - baseOffset - 1), at: start + 23)
    buffer.overwrite(bigEndian: baseTimestamp, at: start + 27)
    buffer.overwrite(bigEndian: maxTimestamp, at: start + 35)
    buffer.overwrite(bigEndian: Int32(recordCount), at: start + 57)
    RecordBatchHeader.complete(&buffer, from: start)
  }
}
