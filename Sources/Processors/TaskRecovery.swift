// Where a task goes on after a stop of any kind.

import Codecs
import Log

/// Looks for the newest checkpoint that fits the log, and brings the derived partitions to that moment, or past it as
/// `mode` says.
///
/// A class on purpose: as a struct, an optimized build of Swift 6.3 releases undefined words in place of its fields at
/// the end of `ProcessorTask.init`, and dies there (seen in the assembly: `swift_release_n` without an object).
final class TaskRecovery<Partition: PartitionLog, Store: CheckpointStore> {
  let input: Partition
  let outputs: [OutputPartition<Partition>]
  let shelf: CheckpointShelf<Store>
  let fingerprint: [UInt8]
  let screen: TickScreen
  let mode: RecoveryMode

  init(
    input: Partition, outputs: [OutputPartition<Partition>], shelf: CheckpointShelf<Store>, fingerprint: [UInt8],
    screen: TickScreen, mode: RecoveryMode
  ) {
    self.input = input
    self.outputs = outputs
    self.shelf = shelf
    self.fingerprint = fingerprint
    self.screen = screen
    self.mode = mode
  }

  /// A pipeline at the report's position, and how it came there.
  struct Recovered<Fold: Processor & ~Copyable> {
    let report: RecoveryReport
    let pipeline: FoldPipeline<Fold>
  }

  /// What a checkpoint is good for.
  private enum Restored<Fold: Processor & ~Copyable> {
    case usable(FoldPipeline<Fold>)
    case unusable(reason: String)
  }

  /// Goes on from the newest checkpoint that is usable, or else from the start.
  func recover<Fold: Processor & ~Copyable>(
    _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> Recovered<Fold> {
    var warnings: [String] = []
    // First of all: what a checkpoint may go on from must not be let go meanwhile.
    let needed = try onLog { () throws(LogError) in try shelf.oldestOfNewest() }
    input.release(below: needed ?? input.startOffset)
    if mode == .inPlace { try onLog { () throws(LogError) in for output in outputs { try output.settle() } } }
    let builtBy = try onLog { () throws(LogError) in try shelf.fingerprint() }
    if builtBy == fingerprint {
      for name in try onLog({ () throws(LogError) in try shelf.names() }).reversed() {
        switch try restore(name, makeProcessor) {
        case .usable(let pipeline):
          let report = RecoveryReport(outcome: .continued, position: pipeline.position, warnings: warnings)
          return Recovered(report: report, pipeline: pipeline)
        case .unusable(let reason): warnings.append("\(name): \(reason)")
        }
      }
    }
    let report = try startOver(builtBy, warnings)
    let pipeline = FoldPipeline(
      makeProcessor(), screen: screen, partition: input.index, position: report.position)
    return Recovered(report: report, pipeline: pipeline)
  }

  private func startOver(_ builtBy: [UInt8]?, _ warnings: [String]) throws(ProcessorError) -> RecoveryReport {
    // What retention took counts: its offsets were given away.
    let isEmpty = outputs.allSatisfy { $0.partition.highWatermark == 0 }
    // Up to here only what a checkpoint would go on from was held. Retention that is under way ends before this sync.
    input.release(below: 0)
    try onLog { () throws(LogError) in try input.sync() }
    let start = input.startOffset
    guard isEmpty || start == 0 else {
      throw .inputExpired(topic: input.topic, partition: input.index, startOffset: start)
    }
    if mode == .inPlace {
      try onLog { () throws(LogError) in for output in outputs { try output.restart(mode) } }
      return RecoveryReport(outcome: .regenerated, position: start, warnings: warnings)
    }
    // The same records at the same offsets can only come of the same processors over the same input, both whole.
    let isWhole = start == 0 && outputs.allSatisfy { $0.partition.startOffset == 0 }
    let isSame = builtBy == fingerprint && isWhole
    try onLog { () throws(LogError) in
      // What is no longer true goes first: a stop in between finds no checkpoint that promises what was cut.
      try shelf.removeAll()
      for output in outputs { try output.restart(mode, isChanged: !isSame && output.partition.highWatermark > 0) }
      try shelf.save(fingerprint: fingerprint)
    }
    let outcome: RecoveryReport.Outcome = isEmpty ? .started : (isSame ? .regenerated : .rebuilt)
    return RecoveryReport(outcome: outcome, position: start, warnings: warnings)
  }

  /// Brings everything to the moment of a checkpoint, or says why that cannot be.
  private func restore<Fold: Processor & ~Copyable>(
    _ name: String, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> Restored<Fold> {
    let checkpoint: Checkpoint
    switch try onLog({ () throws(LogError) in try shelf.load(name) }) {
    case .success(let loaded): checkpoint = loaded
    case .failure(let error): return .unusable(reason: "damaged: \(error)")
    }
    if let problem = try problem(of: checkpoint) { return .unusable(reason: problem) }
    let restored = FoldPipeline(makeProcessor(), screen: screen, partition: input.index)
    var reader = ByteReader(unsafe checkpoint.state.span.bytes)
    do throws(CodecError) {
      try restored.restore(from: &reader, position: checkpoint.position)
    } catch {
      return .unusable(reason: "a state that does not decode: \(error)")
    }
    guard reader.isAtEnd else { return .unusable(reason: "a state with bytes behind its end") }
    for (output, mark) in zip(outputs, checkpoint.outputs) {
      if let error = try onLog({ () throws(LogError) in try output.restore(mark, mode) }) {
        return .unusable(reason: "a hash that does not decode: \(error)")
      }
    }
    return .usable(restored)
  }

  private func problem(of checkpoint: Checkpoint) throws(ProcessorError) -> String? {
    if checkpoint.fingerprint != fingerprint { return "of another configuration" }
    if checkpoint.inputEpoch != input.epoch { return "of another epoch of the input" }
    if checkpoint.position < input.startOffset || checkpoint.position > input.highWatermark {
      return "the input does not hold offset \(checkpoint.position)"
    }
    if checkpoint.outputs.count != outputs.count { return "of another number of derived topics" }
    for (output, mark) in zip(outputs, checkpoint.outputs) {
      let partition = output.partition
      if mark.epoch != partition.epoch { return "of another epoch of \(partition.topic)" }
      let end = partition.highWatermark
      if mode == .inPlace {
        // Nothing that was durable goes away while the log is open.
        guard mark.endOffset <= end else {
          throw .foreignRecords(
            topic: partition.topic, partition: partition.index, expected: mark.endOffset, found: end)
        }
      } else if mark.endOffset < partition.startOffset || mark.endOffset > end {
        return "\(partition.topic) does not reach offset \(mark.endOffset)"
      }
    }
    return nil
  }
}
