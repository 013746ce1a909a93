// The proof that what is stored is what the input gives.

import Codecs
import Events
package import Log

/// Folds a partition again from nothing, beside what is stored: every record of every derived topic is compared, byte
/// by byte, and the hashes that the checkpoints recorded along the way.
///
/// Stored records may be fewer than the fold gives, since a task may be behind its input; more are a difference.
package struct Verifier<Partition: PartitionLog, Store: CheckpointStore, Fold: Processor & ~Copyable>: ~Copyable {
  private let input: Partition
  private let outputs: [Partition]
  private let shelf: CheckpointShelf<Store>
  private let fingerprint: [UInt8]
  private let pipeline: FoldPipeline<Fold>
  private var comparison: StoredComparison<Partition>
  private var warnings: [String] = []

  /// The arguments are those of the task that wrote `outputs`. Where stored records are counted, the topics that
  /// `isCompacted` names cannot be compared.
  package init(
    input: Partition, outputs: [Partition], store: Store, settings: TaskSettings = TaskSettings(),
    places: StoredPlaces = .offsets, isCompacted: (String) -> Bool = { _ in false }, makeProcessor: () -> Fold
  ) {
    self.input = input
    self.outputs = outputs
    shelf = CheckpointShelf(
      store: store, newestCount: settings.checkpointsKept, olderMax: settings.checkpointsKeptOlder)
    let processor = makeProcessor()
    fingerprint = ProcessorTask<Partition, Store, Fold>.fingerprint(
      processor, settings.screen, inputEpoch: input.epoch)
    pipeline = FoldPipeline(
      processor, screen: settings.screen, partition: input.index, position: input.startOffset)
    let isCompared = outputs.map { output in
      places == .offsets || output.startOffset == 0 && !isCompacted(output.topic)
    }
    comparison = StoredComparison(outputs, places, isCompared: isCompared)
    for (output, isCompared) in zip(outputs, isCompared) where !isCompared {
      warnings.append(
        "\(output.topic)-\(output.index) is not compared, only folded: what retention or compaction took of it cannot "
          + "be counted")
    }
  }

  /// Compares everything up to the input's present end. `progress` is told the input offset reached and the end.
  package mutating func run(
    maxBytes: Int = 1 << 20, progress: (Int64, Int64) -> Void = { _, _ in }
  ) throws(ProcessorError) -> VerifyResult {
    let end = input.highWatermark
    var checkpoints = try usableCheckpoints()
    let checkpointCount = checkpoints.count
    if input.startOffset > 0 { try begin(at: checkpoints.first) }
    let start = pipeline.position
    var buffer = ByteWriter(capacity: maxBytes)
    while pipeline.position < end {
      buffer.removeAll()
      let position = pipeline.position
      let isRead = try onLog { () throws(LogError) in
        try input.read(from: position, maxBytes: maxBytes, into: &buffer)
      }
      guard isRead else { break }
      // Up to the next checkpoint, so that its moment is met exactly.
      _ = try Self.fold(buffer, upTo: min(end, checkpoints.first?.position ?? end), pipeline, &comparison)
      if let difference = comparison.difference { return .different(difference) }
      while let checkpoint = checkpoints.first, checkpoint.position <= pipeline.position {
        if let difference = compare(checkpoint) { return .different(difference) }
        checkpoints.removeFirst()
      }
      progress(pipeline.position, end)
    }
    if let difference = comparison.surplus() { return .different(difference) }
    return .same(
      VerifySummary(
        inputRecords: pipeline.position - start, topics: comparison.summary(),
        checkpoints: checkpointCount, warnings: warnings))
  }

  /// Retention took the front of the input: what came of it is believed, up to the oldest checkpoint that is left.
  private mutating func begin(at checkpoint: Checkpoint?) throws(ProcessorError) {
    guard let checkpoint else {
      throw .inputExpired(topic: input.topic, partition: input.index, startOffset: input.startOffset)
    }
    warnings.append(
      "the input begins at offset \(input.startOffset): verified from the checkpoint at \(checkpoint.position) on")
    var reader = ByteReader(unsafe checkpoint.state.span.bytes)
    do throws(CodecError) {
      try pipeline.restore(from: &reader, position: checkpoint.position)
      try comparison.begin(at: checkpoint.outputs)
    } catch {
      throw .damagedInput(topic: input.topic, partition: input.index, offset: checkpoint.position, reason: error)
    }
  }

  private static func fold(
    _ buffer: borrowing ByteWriter, upTo limit: Int64, _ pipeline: FoldPipeline<Fold>,
    _ comparison: inout StoredComparison<Partition>
  ) throws(ProcessorError) -> Int {
    try pipeline.fold(buffer.bytes, upTo: limit) { (records) throws(ProcessorError) in comparison.compare(records) }
  }

  /// The checkpoints of this history, oldest first. Those beyond the input's end are left out with a warning.
  private mutating func usableCheckpoints() throws(ProcessorError) -> [Checkpoint] {
    var checkpoints: [Checkpoint] = []
    for name in try onLog({ () throws(LogError) in try shelf.names() }) {
      switch try onLog({ () throws(LogError) in try shelf.load(name) }) {
      case .failure(let error): warnings.append("\(name): damaged: \(error)")
      case .success(let checkpoint):
        let isOurs =
          checkpoint.fingerprint == fingerprint && checkpoint.inputEpoch == input.epoch
          && checkpoint.outputs.map(\.epoch) == outputs.map(\.epoch)
        if !isOurs {
          warnings.append("\(name): of another configuration or epoch")
        } else if checkpoint.position > input.highWatermark || checkpoint.position < input.startOffset {
          warnings.append("\(name): outside the input")
        } else {
          checkpoints.append(checkpoint)
        }
      }
    }
    return checkpoints
  }

  private func compare(_ checkpoint: Checkpoint) -> VerifyDifference? {
    for (index, mark) in checkpoint.outputs.enumerated() {
      guard mark != comparison.mark(index, epoch: mark.epoch) else { continue }
      return VerifyDifference(
        topic: outputs[index].topic, partition: input.index, offset: -1, inputOffset: checkpoint.position,
        reason: "the hash or the end recorded at input offset \(checkpoint.position) is another", expected: "",
        found: "")
    }
    var state = ByteWriter(capacity: 1 << 16)
    pipeline.save(into: &state)
    guard StateHash.of(state.bytes) == checkpoint.stateHash else {
      return VerifyDifference(
        topic: Topic.ticks.name, partition: input.index, offset: -1, inputOffset: checkpoint.position,
        reason: "the state recorded at input offset \(checkpoint.position) is another", expected: "", found: "")
    }
    return nil
  }
}
