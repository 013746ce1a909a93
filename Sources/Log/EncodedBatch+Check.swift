// What every log demands of a batch before it takes it.

package import Codecs
internal import Core

extension EncodedBatch {
  /// Checks that this is one whole batch within the limits, whose bytes are what it says. `.invalidBatch` if not.
  /// Done on the caller's thread, so that a log's one writer is spared: what is written is never found broken later.
  package func check() throws(LogError) {
    let encoded = bytes
    let bytes = unsafe encoded.span.bytes
    guard bytes.byteCount <= Limits.batchBytesMax else {
      throw .invalidBatch("\(bytes.byteCount) bytes, at most \(Limits.batchBytesMax)")
    }
    guard recordCount <= Limits.batchRecordsMax else {
      throw .invalidBatch("\(recordCount) records, at most \(Limits.batchRecordsMax)")
    }
    guard let frame = BatchFrame(bytes, byteCountMax: Limits.batchBytesMax), frame.byteCount == bytes.byteCount,
      frame.isDense, frame.recordCount == recordCount, frame.maxTimestampMillis == maxTimestampMillis,
      frame.isIntact(bytes, at: 0)
    else { throw .invalidBatch("not one whole record batch v2, or not what it says") }
  }
}
