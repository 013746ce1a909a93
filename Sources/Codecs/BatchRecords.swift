// The records of a batch on their way into it.

/// What a batch's header says of its records.
struct BatchHeading {
  var lastOffsetDelta: Int
  var baseTimestampMillis: Int64
  var maxTimestampMillis: Int64
  var recordCount: Int
  var hasTombstoneHorizon = false
}

/// Encoded records, and what makes a batch of them. The buffers are reused.
struct BatchRecords: ~Copyable {
  var bytes = ByteWriter(capacity: 0)
  private var compressor = LZ4Compressor()

  init() {}

  /// Replaces the content of `batch` by the batch of all records, which still lacks its base offset.
  mutating func finish(_ heading: BatchHeading, _ compression: Compression, into batch: inout ByteWriter) {
    batch.removeAll()
    RecordBatchHeader.append(compression, heading, to: &batch)
    if compression == .none || !Self.compress(bytes, into: &batch, with: &compressor) {
      // Without memory for the compressor, the same records as they are make as good a batch.
      batch.removeAll()
      RecordBatchHeader.append(.none, heading, to: &batch)
      Self.copy(bytes, into: &batch)
    }
    RecordBatchHeader.complete(&batch)
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
}
