// One partition of the embedded log: reads by itself, hands everything that changes it to the log's writer thread.

package import Codecs
internal import Core
internal import Synchronization

/// What a partition is asked to do besides appending; done by the writer thread, in order with the appends.
enum PartitionOperation: Sendable {
  case sync
  case truncate(to: Int64)
  case reset
  case setPolicy(TopicPolicy)
  /// Retention, and closing what is old.
  case maintain
  /// What a compaction made takes the place of what it was made from, if that is still there.
  case swap(CleanedSegments)
}

/// The way back of an operation's result to the thread that waits for it.
typealias OperationReply = Monitor<Result<Void, LogError>?>

/// What waits for the writer thread.
enum LogCommand<Files: LogFiles>: Sendable {
  case append(SegmentedPartition<Files>, EncodedBatch, AppendCompletion?)
  case perform(SegmentedPartition<Files>, PartitionOperation, OperationReply)
}

/// Why the log takes no more appends, if it does not.
final class LogHealth: Sendable {
  private let failure = Mutex<LogError?>(nil)
  private let hasFailed = Atomic(false)

  /// The first reason stays.
  func fail(_ error: LogError) {
    failure.withLock { $0 = $0 ?? error }
    hasFailed.store(true, ordering: .releasing)
  }

  var error: LogError? { hasFailed.load(ordering: .acquiring) ? failure.withLock { $0 } : nil }
}

/// A partition of a `SegmentedLog`.
package final class SegmentedPartition<Files: LogFiles>: PartitionLog {
  package let topic: String
  package let index: Int
  let isDerived: Bool
  let reader: PartitionReader<Files>
  /// Nil in a log that is open for reading only.
  nonisolated(unsafe) let store: PartitionStore<Files>?  // Used by the log's writer thread only.
  /// See `PartitionLog.release`.
  private let released: Atomic<Int64>
  private let isReadOnly: Bool
  /// Of the values, where they are not stored as they are handled.
  private let translation: ValueEncoding?
  private let commands: BoundedQueue<LogCommand<Files>>
  private let health: LogHealth
  /// Carries out what is queued, where there is no thread that does.
  private let turn: (@Sendable () -> Void)?

  init(
    settings: TopicSettings, index: Int, reader: PartitionReader<Files>, store: PartitionStore<Files>?,
    encoding: ValueEncoding?, commands: BoundedQueue<LogCommand<Files>>, health: LogHealth,
    turn: (@Sendable () -> Void)? = nil
  ) throws(LogError) {
    topic = settings.name
    self.index = index
    isDerived = settings.isDerived
    self.reader = reader
    unsafe self.store = store
    released = Atomic(settings.isDerived ? 0 : .max)
    isReadOnly = store == nil
    translation = encoding?.translates == true ? encoding : nil
    self.commands = commands
    self.health = health
    self.turn = turn
    guard let encoding else { return }
    try check(encoding) { (offset, buffer) throws(LogError) in
      try reader.read(from: offset, maxBytes: 1, into: &buffer)
    }
  }

  package var epoch: UInt32 { reader.epoch }
  package var startOffset: Int64 { reader.startOffset }
  package var highWatermark: Int64 { reader.highWatermark }

  package func append(_ batch: EncodedBatch, completion: AppendCompletion?) throws(LogError) {
    guard !isReadOnly else { throw .readOnly }
    if let error = health.error { throw error }
    try batch.check()
    var batch = batch
    if let translation {
      batch = try stored(batch, in: translation)
      // Text is longer, and has the same limit.
      try batch.check()
    }
    guard commands.push(.append(self, batch, completion), weight: batch.bytes.count) else { throw .closed }
  }

  package func release(below offset: Int64) { released.store(offset, ordering: .releasing) }

  /// From here on records are needed to make derived topics again, or are what a checkpoint counts: retention and
  /// compaction end here.
  var heldOffset: Int64 { released.load(ordering: .acquiring) }

  package func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool {
    guard let translation else { return try reader.read(from: offset, maxBytes: maxBytes, into: &buffer) }
    let start = buffer.count
    guard try reader.read(from: offset, maxBytes: maxBytes, into: &buffer) else { return false }
    try load(&buffer, from: start, translation, at: offset)
    return true
  }

  package func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64 {
    try reader.offset(atOrAfter: timestampMillis)
  }

  package func sync() throws(LogError) { try perform(.sync) }

  package func truncate(to offset: Int64) throws(LogError) {
    guard isDerived else { throw .inputTopic(topic) }
    try perform(.truncate(to: offset))
  }

  package func reset() throws(LogError) {
    guard isDerived else { throw .inputTopic(topic) }
    try perform(.reset)
  }

  func perform(_ operation: PartitionOperation) throws(LogError) {
    guard !isReadOnly else { throw .readOnly }
    if let error = health.error { throw error }
    let reply = OperationReply(nil)
    guard commands.push(.perform(self, operation, reply), weight: 0) else { throw .closed }
    turn?()
    try reply.wait { $0 }.get()
  }
}
