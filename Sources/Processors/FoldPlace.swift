// Where a fold of a log stands, for whoever takes its topics to another log.

import Codecs
package import Log

/// The newest checkpoint's word: outputs up to these ends come of the input before this position, and of no more.
package struct FoldPlace: Sendable, Equatable {
  /// The next input offset.
  package let position: Int64
  /// The offset behind the last record of each derived partition, that of the dead letters last.
  package let outputEnds: [Int64]

  /// Of the newest checkpoint in `store` that this fold could go on from; nil if there is none, as where another
  /// version or configuration was at work.
  package static func newest<Partition: PartitionLog, Store: CheckpointStore, Fold: Processor & ~Copyable>(
    in store: Store, input: Partition, outputs: [Partition], settings: TaskSettings, makeProcessor: () -> Fold
  ) throws(LogError) -> FoldPlace? {
    let fingerprint = ProcessorTask<Partition, Store, Fold>.fingerprint(
      makeProcessor(), settings.screen, inputEpoch: input.epoch)
    let shelf = CheckpointShelf(store: store, newestCount: settings.checkpointsKept, olderMax: 0)
    for name in try shelf.names().reversed() {
      guard case .success(let checkpoint) = try shelf.load(name), checkpoint.fingerprint == fingerprint,
        checkpoint.inputEpoch == input.epoch, checkpoint.position <= input.highWatermark,
        checkpoint.outputs.map(\.epoch) == outputs.map(\.epoch),
        zip(checkpoint.outputs, outputs).allSatisfy({ $0.endOffset <= $1.highWatermark })
      else { continue }
      return FoldPlace(position: checkpoint.position, outputEnds: checkpoint.outputs.map(\.endOffset))
    }
    return nil
  }

  /// What this fold says of its history when it commits a position, once it reads from `input`.
  package static func note<Partition: PartitionLog, Store: CheckpointStore, Fold: Processor & ~Copyable>(
    of store: Store, input: Partition, settings: TaskSettings, makeProcessor: () -> Fold
  ) -> String {
    StateHash.text(
      ProcessorTask<Partition, Store, Fold>.fingerprint(makeProcessor(), settings.screen, inputEpoch: input.epoch))
  }
}
