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
  static let topics = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]

  private let pipeline: FoldPipeline<SimulatedFold>
  private var foldedBatches = 0
  /// By topic, by offset.
  private(set) var expected: [[StoredDigest]] = [[], [], []]

  init(partition: Int) { pipeline = FoldPipeline(makeSimulatedFold(), partition: partition) }

  /// Takes in what the ledger got since the last time.
  mutating func fold(_ input: InputModel) throws(ProcessorError) {
    while foldedBatches < input.batches.count {
      let (baseOffset, encoded) = input.batches[foldedBatches]
      foldedBatches += 1
      var bytes = encoded.bytes
      RecordBatchHeader.patch(baseOffset: baseOffset, in: &bytes)
      var found: [[StoredDigest]] = [[], [], []]
      _ = try pipeline.fold(bytes.span.bytes) { outputs in
        for topic in found.indices {
          outputs[topic: topic].forEach(firstOffset: 0) { record, _ in found[topic].append(StoredDigest(record)) }
        }
      }
      for topic in found.indices { expected[topic] += found[topic] }
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
