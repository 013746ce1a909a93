// One derived partition, as its one writer sees it.

import Codecs
import Log
import Synchronization

/// The first batch that the log did not take, told by the log's own thread.
private final class Refusal: Sendable {
  private let first = Mutex<LogError?>(nil)

  func note(_ result: Result<Int64, LogError>) {
    if case .failure(let error) = result { first.withLock { $0 = $0 ?? error } }
  }

  func check() throws(LogError) { if let error = first.withLock({ $0 }) { throw error } }
}

/// Cuts records into batches, appends them, and hashes them on the way.
final class OutputPartition<Partition: PartitionLog> {
  /// One value, so that a whole run of records costs one access to it.
  private struct State: ~Copyable {
    var writer = RecordBatchWriter()
    var hash = RecordHash()
    var endOffset: Int64 = 0
    /// Up to here the partition holds what the fold gives again.
    var standingEnd: Int64 = 0
  }

  let partition: Partition
  private let compression: Compression
  private let refusal = Refusal()
  private var state = State()

  init(_ partition: Partition, compression: Compression) {
    self.partition = partition
    self.compression = compression
  }

  /// The offset behind the last record that the fold gave.
  var endOffset: Int64 { state.endOffset }
  /// Where the partition ends, once all that was appended is there.
  var partitionEnd: Int64 { max(state.endOffset, state.standingEnd) }
  var hashValue: [UInt8] { state.hash.value }

  /// Appends `records` but for those that stand already; a batch that is not full yet waits for `flush`.
  func append(_ records: borrowing DerivedRecords) throws(LogError) {
    if records.count > 0 { try Self.append(records, &state, to: partition, compression, refusal) }
  }

  private static func append(
    _ records: borrowing DerivedRecords, _ state: inout State, to partition: Partition, _ compression: Compression,
    _ refusal: Refusal
  ) throws(LogError) {
    state.hash.update(records.bytes)
    try records.forEach(firstOffset: state.endOffset) { (record, _) throws(LogError) in
      if record.offset < state.standingEnd { return }
      state.writer.append(timestampMillis: record.timestampMillis, key: record.key, value: record.value)
      if state.writer.byteCount >= ProcessorLimits.outputBatchBytes
        || state.writer.recordCount >= ProcessorLimits.outputBatchRecords
      {
        try partition.append(state.writer.finish(compression: compression), completion: refusal.note)
      }
    }
    state.endOffset += Int64(records.count)
  }

  /// Appends what is left as a batch. Throws why an earlier one was not taken: there is a gap, and nothing can follow.
  func flush() throws(LogError) {
    try refusal.check()
    guard state.writer.recordCount > 0 else { return }
    try partition.append(state.writer.finish(compression: compression), completion: refusal.note)
  }

  /// Throws why a batch was not taken.
  func checkTaken() throws(LogError) { try refusal.check() }

  /// Waits until all that was appended is on disk. Throws also why a batch was not taken.
  func sync() throws(LogError) {
    try partition.sync()
    try refusal.check()
  }

  /// The partition's end for a checkpoint. Call after `flush` and `sync`.
  func mark() -> OutputMark {
    var writer = ByteWriter()
    state.hash.save(into: &writer)
    return OutputMark(epoch: partition.epoch, endOffset: state.endOffset, hash: writer.copy())
  }

  /// Waits for what an earlier task appended, and makes the partition take more after something was refused.
  func settle() throws(LogError) {
    try partition.sync()
    try partition.truncate(to: partition.highWatermark)
  }

  /// Goes back to the place of `mark`.
  func restore(_ mark: OutputMark, _ mode: RecoveryMode) throws(LogError) -> CodecError? {
    var state = State()
    var reader = ByteReader(unsafe mark.hash.span.bytes)
    do throws(CodecError) { try state.hash.restore(from: &reader) } catch { return error }
    if mode == .cutting { try partition.truncate(to: mark.endOffset) }
    state.endOffset = mark.endOffset
    state.standingEnd = partition.highWatermark
    self.state = state
    return nil
  }

  /// Begins again: the same history under the same epoch, or, with `isChanged`, another one under a new epoch.
  func restart(_ mode: RecoveryMode, isChanged: Bool = false) throws(LogError) {
    if mode == .cutting {
      if isChanged { try partition.reset() } else { try partition.truncate(to: partition.startOffset) }
    }
    state = State()
    // What retention took stood there as well.
    state.standingEnd = partition.highWatermark
  }
}
