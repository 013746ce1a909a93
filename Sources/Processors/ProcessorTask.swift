// One input partition's fold at work: reads, folds, appends, checkpoints.

import Codecs
package import Log

/// Drives a processor over one partition and writes its derived partitions of the same index. It has no thread of its
/// own: whoever owns it calls `step` until that says `caughtUp`, waits for the input to grow, and calls again. The only
/// writer of its derived partitions.
package final class ProcessorTask<Partition: PartitionLog, Store: CheckpointStore, Fold: Processor & ~Copyable> {
  /// How it found its place.
  package let recovery: RecoveryReport
  let input: Partition
  let outputs: [OutputPartition<Partition>]
  let shelf: CheckpointShelf<Store>
  let fingerprint: [UInt8]
  let settings: TaskSettings
  let pipeline: FoldPipeline<Fold>
  var buffer = ByteWriter(capacity: ProcessorLimits.stepBytes)
  private var recordsSinceCheckpoint = 0
  /// Where the derived partitions ended at the newest checkpoints that this task knows, the oldest first.
  private var outputEnds: [[Int64]] = []

  /// Finds the task's place in its input: from the newest usable checkpoint, or from the start. `outputs` are the
  /// derived partitions in the order of the processor's topics, and last that of the dead letters; `makeProcessor`
  /// gives new processors, always alike.
  package init(
    input: Partition, outputs: [Partition], store: Store, settings: TaskSettings = TaskSettings(),
    mode: RecoveryMode = .cutting, makeProcessor: () -> Fold
  ) throws(ProcessorError) {
    let fingerprint = Self.fingerprint(makeProcessor(), settings.screen, inputEpoch: input.epoch)
    let shelf = CheckpointShelf(
      store: store, newestCount: settings.checkpointsKept, olderMax: settings.checkpointsKeptOlder)
    let derived = outputs.map { OutputPartition($0, compression: settings.compression) }
    let start = TaskRecovery(
      input: input, outputs: derived, shelf: shelf, fingerprint: fingerprint, screen: settings.screen,
      mode: mode)
    let recovered = try start.recover(makeProcessor)
    recovery = recovered.report
    pipeline = recovered.pipeline
    precondition(outputs.count == pipeline.topics.count, "a partition for each topic and one for dead letters")
    self.input = input
    self.outputs = derived
    self.shelf = shelf
    self.fingerprint = fingerprint
    self.settings = settings
    // Before the first checkpoint of this run too: what was not folded yet must not fall to retention.
    let oldest = try onLog { () throws(LogError) in try shelf.oldestOfNewest() }
    input.release(below: min(oldest ?? input.startOffset, recovered.report.position))
  }

  /// The next input offset.
  package var position: Int64 { pipeline.position }

  /// Folds about `maxBytes` of input, if there is any, and appends what comes of it. Writes a checkpoint when one is
  /// due. An error is final for this task: make a new one, which recovers, within the same process in place.
  package func step(maxBytes: Int) throws(ProcessorError) -> StepResult {
    // Also when there is no input: nobody else would find that the last outputs are missing.
    try onLog { () throws(LogError) in for output in outputs { try output.checkTaken() } }
    buffer.removeAll()
    let start = pipeline.position
    guard try onLog({ () throws(LogError) in try input.read(from: start, maxBytes: maxBytes, into: &buffer) }) else {
      return .caughtUp
    }
    let count = try Self.fold(buffer, pipeline, outputs)
    try onLog { () throws(LogError) in for output in outputs { try output.flush() } }
    recordsSinceCheckpoint += count
    if recordsSinceCheckpoint >= settings.checkpointRecords { try checkpointNow() }
    return .progressed(records: count)
  }

  private static func fold(
    _ buffer: borrowing ByteWriter, _ pipeline: FoldPipeline<Fold>, _ outputs: [OutputPartition<Partition>]
  ) throws(ProcessorError) -> Int {
    try pipeline.fold(buffer.bytes) { (records) throws(ProcessorError) in
      try onLog { () throws(LogError) in
        for index in 0..<outputs.count { try outputs[index].append(records[topic: index]) }
      }
    }
  }

  /// Makes all outputs durable, then writes a checkpoint of this moment.
  package func checkpointNow() throws(ProcessorError) {
    for output in outputs {
      #if PLANTED_BUGS
        if settings.plantedBug == .checkpointBeforeOutputs { continue }
      #endif
      try onLog { () throws(LogError) in try output.sync() }
      let end = output.partition.highWatermark
      guard end == output.partitionEnd else {
        throw .foreignRecords(
          topic: output.partition.topic, partition: output.partition.index, expected: output.partitionEnd, found: end)
      }
    }
    var state = ByteWriter(capacity: 1 << 16)
    pipeline.save(into: &state)
    let checkpoint = Checkpoint(
      inputEpoch: input.epoch, position: pipeline.position, fingerprint: fingerprint,
      outputs: outputs.map { $0.mark() }, stateHash: StateHash.of(state.bytes), state: state.copy())
    try onLog { () throws(LogError) in try shelf.save(checkpoint) }
    recordsSinceCheckpoint = 0
    try release(checkpoint)
  }

  /// SHA-256 of the state as a checkpoint of this moment would hold it.
  package func stateHash() -> [UInt8] {
    var state = ByteWriter(capacity: 1 << 16)
    pipeline.save(into: &state)
    return StateHash.of(state.bytes)
  }

  /// Lets go of what none of the newest checkpoints would go on from.
  private func release(_ checkpoint: Checkpoint) throws(ProcessorError) {
    outputEnds.append(checkpoint.outputs.map(\.endOffset))
    if outputEnds.count > settings.checkpointsKept { outputEnds.removeFirst() }
    for (index, output) in outputs.enumerated() { output.partition.release(below: outputEnds[0][index]) }
    if let oldest = try onLog({ () throws(LogError) in try shelf.oldestOfNewest() }) { input.release(below: oldest) }
  }

  /// Identifies a history: the same fingerprint over the same input gives the same derived records.
  static func fingerprint(_ processor: borrowing Fold, _ screen: TickScreen, inputEpoch: UInt32) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(utf8: processor.identity)
    writer.append(UInt8(0))
    processor.appendConfiguration(to: &writer)
    screen.append(to: &writer)
    writer.append(bigEndian: inputEpoch)
    return StateHash.of(writer.bytes)
  }
}

/// SHA-256 of a state or a configuration.
enum StateHash {
  static func of(_ bytes: RawSpan) -> [UInt8] {
    var digest = SHA256Digest()
    digest.update(bytes)
    return digest.finalize()
  }

  /// As hexadecimal digits.
  static func text(_ hash: [UInt8]) -> String {
    hash.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }
}
