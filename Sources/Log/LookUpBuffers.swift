// What a look-up by time reads into: kept for the next one, as fresh memory costs more than the look-up.

internal import Codecs
internal import Core
internal import Synchronization

/// The buffers of one look-up, spare between two: of several at once all but one take fresh ones.
final class LookUpBuffers: Sendable {
  /// Batches as they are stored, and the records of one of them.
  private struct Buffers: ~Copyable, @unchecked Sendable {  // Sendable: whoever took them is their only user.
    var batches = ByteWriter(capacity: 4 * Limits.logIndexIntervalBytes)
    var records = RecordBatchReader()
  }

  private let spare = Mutex<Buffers?>(nil)

  func withBuffers<Result>(
    _ body: (inout ByteWriter, inout RecordBatchReader) throws(LogError) -> Result
  ) throws(LogError) -> Result {
    var taken: Buffers?
    spare.withLock { swap(&$0, &taken) }
    var buffers = taken.take() ?? Buffers()
    let result = try body(&buffers.batches, &buffers.records)
    taken = consume buffers
    spare.withLock { swap(&$0, &taken) }
    return result
  }
}
