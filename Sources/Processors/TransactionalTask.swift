// One input partition's fold on a log that cannot be cut, but has transactions.

import Codecs
package import Log

/// Drives a processor like `ProcessorTask`, with its outputs and its input position in transactions: readers see each
/// output exactly once, whatever process folds the partition, and however often that changes. It recovers from the
/// newest checkpoint that is not beyond the committed position, folds silently up to that, and goes on.
///
/// Any error is final for this task, and its recovery the same as after a crash: `close` it and make another. That is
/// also the rewind after an aborted transaction: no state and no position outlives it.
package final class TransactionalTask<
  Partition: PartitionLog, Writer: TransactionalWriter, Store: CheckpointStore, Fold: Processor & ~Copyable
> {
  /// How it found its place.
  package private(set) var recovery: RecoveryReport
  /// Input records that the open transaction covers.
  package private(set) var openRecords = 0
  private let input: Partition
  private let outputs: [Partition]
  private let writer: Writer
  private let shelf: CheckpointShelf<Store>
  private let fingerprint: [UInt8]
  private let settings: TaskSettings
  private let pipeline: FoldPipeline<Fold>
  private var marks: [OutputCount]
  private var buffer = ByteWriter(capacity: ProcessorLimits.stepBytes)
  private var recordsSinceCheckpoint = 0

  /// The input offset that is committed.
  package private(set) var position: Int64

  /// Takes over the partition from whoever had it, and finds the task's place. `outputs` are the derived partitions in
  /// the order of the processor's topics, and last that of the dead letters, as `writer` knows them. The silent
  /// fold, which may take long, tells `goesOn` how far it is, and ends with `.closed` when that says no.
  package init(
    input: Partition, outputs: [Partition], writer: Writer, store: Store, settings: TaskSettings = TaskSettings(),
    makeProcessor: () -> Fold, while goesOn: (SilentFold) -> Bool = { _ in true }
  ) throws(ProcessorError) {
    fingerprint = ProcessorTask<Partition, Store, Fold>.fingerprint(
      makeProcessor(), settings.screen, inputEpoch: input.epoch)
    shelf = CheckpointShelf(
      store: store, newestCount: settings.checkpointsKept, olderMax: settings.checkpointsKeptOlder)
    let committed = try onLog { () throws(LogError) in try writer.open() }
    let start = TransactionalRecovery(input: input, outputs: outputs, shelf: shelf, fingerprint: fingerprint)
    let recovered = try start.recover(to: committed, screen: settings.screen, makeProcessor)
    (pipeline, marks, recovery) = (recovered.pipeline, recovered.marks, recovered.report)
    self.input = input
    self.outputs = outputs
    self.writer = writer
    self.settings = settings
    position = committed?.offset ?? pipeline.position
    precondition(outputs.count == pipeline.topics.count, "a partition for each topic and one for dead letters")
    try foldSilently(to: position, while: goesOn)
    recovery.position = position
  }

  /// Folds about `maxBytes` of input, if there is any, into the open transaction.
  package func step(maxBytes: Int) throws(ProcessorError) -> StepResult {
    buffer.removeAll()
    let start = pipeline.position
    guard try onLog({ () throws(LogError) in try input.read(from: start, maxBytes: maxBytes, into: &buffer) }) else {
      return .caughtUp
    }
    let count = try Self.fold(buffer, upTo: .max, pipeline, &marks, writer)
    openRecords += count
    return .progressed(records: count)
  }

  /// Commits what was folded since the last time, if anything was. Writes a checkpoint when one is due.
  package func commit() throws(ProcessorError) {
    guard pipeline.position > position else { return }
    let next = CommittedPosition(offset: pipeline.position, note: StateHash.text(fingerprint))
    try onLog { () throws(LogError) in try writer.commit(next) }
    position = next.offset
    recordsSinceCheckpoint += openRecords
    openRecords = 0
    if recordsSinceCheckpoint >= settings.checkpointRecords { try checkpointNow() }
  }

  /// Writes a checkpoint of the committed position, unless nothing came since the last one. Call after `commit`.
  package func checkpointNow() throws(ProcessorError) {
    guard recordsSinceCheckpoint > 0 else { return }
    var state = ByteWriter(capacity: 1 << 16)
    pipeline.save(into: &state)
    let checkpoint = Checkpoint(
      inputEpoch: input.epoch, position: pipeline.position, fingerprint: fingerprint,
      outputs: zip(marks, outputs).map { $0.mark(epoch: $1.epoch) }, stateHash: StateHash.of(state.bytes),
      state: state.copy())
    try onLog { () throws(LogError) in try shelf.save(checkpoint) }
    recordsSinceCheckpoint = 0
  }

  /// SHA-256 of the state as a checkpoint of this moment would hold it.
  package func stateHash() -> [UInt8] {
    var state = ByteWriter(capacity: 1 << 16)
    pipeline.save(into: &state)
    return StateHash.of(state.bytes)
  }

  /// Takes back what is not committed, and gives the partition up.
  package func close() { writer.close() }

  /// Folds what is committed already, so that the state is that of `end`; its outputs stand.
  private func foldSilently(to end: Int64, while goesOn: (SilentFold) -> Bool) throws(ProcessorError) {
    let start = pipeline.position
    while pipeline.position < end {
      let isAllowed = goesOn(
        SilentFold(start: start, position: pipeline.position, end: end, outcome: recovery.outcome))
      guard isAllowed else { throw .log(.closed) }
      buffer.removeAll()
      let start = pipeline.position
      let isRead = try onLog { () throws(LogError) in
        try input.read(from: start, maxBytes: ProcessorLimits.stepBytes, into: &buffer)
      }
      guard isRead else { throw .log(.afterEnd(end: input.highWatermark)) }
      recordsSinceCheckpoint += try Self.fold(buffer, upTo: end, pipeline, &marks, nil)
    }
  }

  private static func fold(
    _ buffer: borrowing ByteWriter, upTo limit: Int64, _ pipeline: FoldPipeline<Fold>, _ marks: inout [OutputCount],
    _ writer: Writer?
  ) throws(ProcessorError) -> Int {
    try pipeline.fold(buffer.bytes, upTo: limit) { (records) throws(ProcessorError) in
      for index in marks.indices {
        marks[index].add(records[topic: index])
        guard let writer else { continue }
        try onLog { () throws(LogError) in
          try records[topic: index].forEach(firstOffset: 0) { (record, _) throws(LogError) in
            try writer.append(
              timestampMillis: record.timestampMillis, key: record.key, value: record.value, to: index)
          }
        }
      }
    }
  }
}

/// How many records a fold has given for one derived partition, and their hash: the same on every kind of log, unlike
/// offsets, which transactions leave gaps in.
final class OutputCount {
  private(set) var count: Int64 = 0
  private var hash = RecordHash()

  init() {}

  init(_ mark: OutputMark) throws(CodecError) {
    count = mark.endOffset
    var reader = ByteReader(unsafe mark.hash.span.bytes)
    try hash.restore(from: &reader)
  }

  func add(_ records: borrowing DerivedRecords) {
    guard records.count > 0 else { return }
    count += Int64(records.count)
    hash.update(records.bytes)
  }

  func mark(epoch: UInt32) -> OutputMark {
    var writer = ByteWriter()
    hash.save(into: &writer)
    return OutputMark(epoch: epoch, endOffset: count, hash: writer.copy())
  }
}
