// What the derived partitions must hold: an undisturbed fold of the same input.

import Codecs
import Events
import Processors
import Projections

/// The real processors, small: few intervals, frequent emissions.
typealias SimulatedFold = ProcessorPair<LatestPriceProcessor, CandleProcessor>

func makeSimulatedFold() -> SimulatedFold {
  ProcessorPair(
    LatestPriceProcessor(LatestPriceSettings(emitIntervalNanos: 50_000_000)),
    CandleProcessor(CandleSettings(intervals: Array(CandleInterval.allCases.prefix(2)), emitIntervalNanos: 200_000_000))
  )
}

/// Folds the ledger of one input partition, without a log, a disk or a stop.
struct DerivedModel {
  static let input = Topic.ticks.name
  static let topics = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]

  private let pipeline: FoldPipeline<SimulatedFold>
  private var foldedBatches = 0
  /// By topic.
  private(set) var expected = topics.map { _ in History() }
  /// The input lost records that were folded: what was derived from them stays until the topics are built anew.
  var isOutdated = false

  init(partition: Int) { pipeline = FoldPipeline(makeSimulatedFold(), partition: partition) }

  /// Takes in what the ledger got since the last time.
  mutating func fold(_ input: InputModel) throws(ProcessorError) {
    guard !isOutdated else { return }
    while foldedBatches < input.batches.count {
      let batch = input.batches[foldedBatches]
      foldedBatches += 1
      var bytes = batch.encoded.bytes
      RecordBatchHeader.patch(baseOffset: batch.baseOffset, in: &bytes)
      var found: [[StoredDigest]] = [[], [], []]
      _ = try pipeline.fold(bytes.span.bytes) { outputs in
        for topic in found.indices {
          outputs[topic: topic].forEach(firstOffset: 0) { record, _ in found[topic].append(StoredDigest(record)) }
        }
      }
      for topic in found.indices { for record in found[topic] { expected[topic].append(record) } }
    }
  }

  /// The state's hash after all of it.
  func stateDigest() -> ByteDigest {
    var state = ByteWriter()
    pipeline.save(into: &state)
    var digest = ByteDigest()
    digest.add(state.bytes)
    return digest
  }
}
