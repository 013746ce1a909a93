// Where a task goes on after a stop of any kind.

import Codecs
import Log

/// Looks for the newest checkpoint that fits the log, and brings the derived partitions to that moment.
struct TaskRecovery<Partition: PartitionLog, Store: CheckpointStore> {
  let input: Partition
  let outputs: [OutputPartition<Partition>]
  let shelf: CheckpointShelf<Store>
  let fingerprint: [UInt8]
  let screen: TickScreen

  /// Sets `pipeline` if a checkpoint is usable; otherwise the fold starts at the report's position.
  func recover<Fold: Processor & ~Copyable>(
    _ pipeline: inout FoldPipeline<Fold>?, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> RecoveryReport {
    var warnings: [String] = []
    let builtBy = try onLog { () throws(LogError) in try shelf.fingerprint() }
    if builtBy == fingerprint {
      for name in try onLog({ () throws(LogError) in try shelf.names() }).reversed() {
        if let problem = try restore(name, &pipeline, makeProcessor) {
          warnings.append("\(name): \(problem)")
        } else {
          return RecoveryReport(
            outcome: .continued, position: pipeline?.position ?? 0, warnings: warnings)
        }
      }
    }
    return try startOver(builtBy, warnings)
  }

  private func startOver(_ builtBy: [UInt8]?, _ warnings: [String]) throws(ProcessorError) -> RecoveryReport {
    let isEmpty = outputs.allSatisfy { $0.partition.highWatermark == $0.partition.startOffset }
    let start = input.startOffset
    // The same records can only come of the same processors over the same input, whole.
    let isSame = builtBy == fingerprint && start == 0
    try onLog { () throws(LogError) in
      // What is no longer true goes first: a stop in between finds no checkpoint that promises what was cut.
      try shelf.removeAll()
      for output in outputs { try output.restart(isChanged: !isSame && !isEmpty) }
      try shelf.save(fingerprint: fingerprint)
    }
    let outcome: RecoveryReport.Outcome = isEmpty ? .started : (isSame ? .regenerated : .rebuilt)
    return RecoveryReport(outcome: outcome, position: start, warnings: warnings)
  }

  /// Why the checkpoint cannot be used, or nil once everything is as it was then.
  private func restore<Fold: Processor & ~Copyable>(
    _ name: String, _ pipeline: inout FoldPipeline<Fold>?, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> String? {
    let checkpoint: Checkpoint
    switch try onLog({ () throws(LogError) in try shelf.load(name) }) {
    case .success(let loaded): checkpoint = loaded
    case .failure(let error): return "damaged: \(error)"
    }
    if let problem = problem(of: checkpoint) { return problem }
    let restored = FoldPipeline(makeProcessor(), screen: screen, partition: input.index)
    var reader = ByteReader(unsafe checkpoint.state.span.bytes)
    do throws(CodecError) {
      try restored.restore(from: &reader, position: checkpoint.position)
    } catch {
      return "a state that does not decode: \(error)"
    }
    guard reader.isAtEnd else { return "a state with bytes behind its end" }
    for (output, mark) in zip(outputs, checkpoint.outputs) {
      if let error = try onLog({ () throws(LogError) in try output.restore(mark) }) {
        return "a hash that does not decode: \(error)"
      }
    }
    pipeline = restored
    return nil
  }

  private func problem(of checkpoint: Checkpoint) -> String? {
    if checkpoint.fingerprint != fingerprint { return "of another configuration" }
    if checkpoint.inputEpoch != input.epoch { return "of another epoch of the input" }
    if checkpoint.position < input.startOffset || checkpoint.position > input.highWatermark {
      return "the input does not hold offset \(checkpoint.position)"
    }
    if checkpoint.outputs.count != outputs.count { return "of another number of derived topics" }
    for (output, mark) in zip(outputs, checkpoint.outputs) {
      let partition = output.partition
      if mark.epoch != partition.epoch { return "of another epoch of \(partition.topic)" }
      if mark.endOffset < partition.startOffset || mark.endOffset > partition.highWatermark {
        return "\(partition.topic) does not reach offset \(mark.endOffset)"
      }
    }
    return nil
  }
}
