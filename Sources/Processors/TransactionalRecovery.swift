// Where a transactional task begins: at what is committed, with a state from a checkpoint before it.

import Codecs
import Log

/// Finds the newest checkpoint that is of this history and not beyond what is committed.
struct TransactionalRecovery<Partition: PartitionLog, Store: CheckpointStore> {
  let input: Partition
  let outputs: [Partition]
  let shelf: CheckpointShelf<Store>
  let fingerprint: [UInt8]

  struct Recovered<Fold: Processor & ~Copyable> {
    let pipeline: FoldPipeline<Fold>
    let marks: [OutputCount]
    let report: RecoveryReport
  }

  func recover<Fold: Processor & ~Copyable>(
    to committed: CommittedPosition?, screen: TickScreen, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> Recovered<Fold> {
    guard let committed else { return try start(screen, makeProcessor) }
    // It goes with each committed position.
    guard committed.note == StateHash.text(fingerprint) else {
      throw .otherHistory(
        topic: input.topic, partition: input.index,
        reason: "position \(committed.offset) was committed by a fold of another version or configuration")
    }
    var warnings: [String] = []
    for name in try onLog({ () throws(LogError) in try shelf.names() }).reversed() {
      switch try restore(name, notBeyond: committed.offset, screen, makeProcessor) {
      case .success(let (pipeline, marks)):
        let report = RecoveryReport(outcome: .continued, position: committed.offset, warnings: warnings)
        return Recovered(pipeline: pipeline, marks: marks, report: report)
      case .failure(let problem): warnings.append("\(name): \(problem.reason)")
      }
    }
    guard input.startOffset == 0 else {
      throw .inputExpired(topic: input.topic, partition: input.index, startOffset: input.startOffset)
    }
    let report = RecoveryReport(outcome: .regenerated, position: committed.offset, warnings: warnings)
    return fresh(at: 0, report, screen, makeProcessor)
  }

  /// A first start: nothing is committed, so nothing may be there yet.
  private func start<Fold: Processor & ~Copyable>(
    _ screen: TickScreen, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> Recovered<Fold> {
    for output in outputs where try holdsRecords(output) {
      throw .otherHistory(
        topic: output.topic, partition: output.index,
        reason: "it holds records, but no position is committed: the group is another one, or its offsets expired")
    }
    try onLog { () throws(LogError) in
      for name in try shelf.names() { try shelf.store.remove(name) }
    }
    let report = RecoveryReport(outcome: .started, position: input.startOffset, warnings: [])
    return fresh(at: input.startOffset, report, screen, makeProcessor)
  }

  private func fresh<Fold: Processor & ~Copyable>(
    at position: Int64, _ report: RecoveryReport, _ screen: TickScreen, _ makeProcessor: () -> Fold
  ) -> Recovered<Fold> {
    let pipeline = FoldPipeline(makeProcessor(), screen: screen, partition: input.index, position: position)
    return Recovered(pipeline: pipeline, marks: outputs.map { _ in OutputCount() }, report: report)
  }

  /// Offsets do not tell: an aborted transaction leaves its marks.
  private func holdsRecords(_ partition: Partition) throws(ProcessorError) -> Bool {
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var offset = partition.startOffset
    while offset < partition.highWatermark {
      buffer.removeAll()
      let start = offset
      guard try onLog({ () throws(LogError) in try partition.read(from: start, maxBytes: 1, into: &buffer) }) else {
        return false
      }
      do throws(CodecError) {
        let header = try reader.open(buffer.bytes, verifyingChecksum: false)
        if header.recordCount > 0 { return true }
        offset = header.lastOffset + 1
      } catch {
        throw .damagedInput(topic: partition.topic, partition: partition.index, offset: offset, reason: error)
      }
    }
    return false
  }

  private struct Problem: Error { let reason: String }

  private func restore<Fold: Processor & ~Copyable>(
    _ name: String, notBeyond committed: Int64, _ screen: TickScreen, _ makeProcessor: () -> Fold
  ) throws(ProcessorError) -> Result<(FoldPipeline<Fold>, [OutputCount]), Problem> {
    let checkpoint: Checkpoint
    switch try onLog({ () throws(LogError) in try shelf.load(name) }) {
    case .success(let loaded): checkpoint = loaded
    case .failure(let error): return .failure(Problem(reason: "damaged: \(error)"))
    }
    if checkpoint.fingerprint != fingerprint || checkpoint.inputEpoch != input.epoch {
      return .failure(Problem(reason: "of another configuration or epoch"))
    }
    if checkpoint.position < input.startOffset || checkpoint.position > committed {
      return .failure(Problem(reason: "at \(checkpoint.position): beyond what is committed, or before the input"))
    }
    if checkpoint.outputs.map(\.epoch) != outputs.map(\.epoch) {
      return .failure(Problem(reason: "of other derived topics"))
    }
    let pipeline = FoldPipeline(makeProcessor(), screen: screen, partition: input.index)
    var reader = ByteReader(unsafe checkpoint.state.span.bytes)
    do throws(CodecError) {
      try pipeline.restore(from: &reader, position: checkpoint.position)
      guard reader.isAtEnd else { return .failure(Problem(reason: "a state with bytes behind its end")) }
      var marks: [OutputCount] = []
      for mark in checkpoint.outputs { marks.append(try OutputCount(mark)) }
      return .success((pipeline, marks))
    } catch {
      return .failure(Problem(reason: "a state that does not decode: \(error)"))
    }
  }
}
