// What a seed decides before the run begins, and what a run tells.

import Codecs
import Kit

#if PLANTED_BUGS
  package import Log
#else
  import Log
#endif

/// Which run.
package struct SimulationSettings: Sendable {
  package var seed: UInt64
  /// How many steps the parts take altogether.
  package var operations = 1000
  /// Prints every call to the disk and every step.
  package var isVerbose = false
  #if PLANTED_BUGS
    package var plantedBug: PlantedBug?
  #endif

  package init(seed: UInt64) { self.seed = seed }
}

/// What came of it.
package struct SimulationResult: Sendable {
  package var seed: UInt64
  /// What was promised and not kept; nil if all was.
  package var violation: String?
  /// Of everything that happened: a function of the seed.
  package var traceHash: UInt64 = 0
  package var counts = SimulationCounts()
}

/// How much a run did, so that a campaign can show that it did something.
package struct SimulationCounts: Sendable {
  package var operations = 0
  package var diskCalls = 0
  package var acknowledged = 0
  package var recordsRead = 0
  package var derivedRecords = 0
  package var kills = 0
  package var powerLosses = 0
  package var orderlyEnds = 0
  package var faults = 0
  package var refusals = 0
  package var flips = 0
  package var checkpoints = 0

  package init() {}

  package static func += (sum: inout Self, other: Self) {
    sum.operations += other.operations
    sum.diskCalls += other.diskCalls
    sum.acknowledged += other.acknowledged
    sum.recordsRead += other.recordsRead
    sum.derivedRecords += other.derivedRecords
    sum.kills += other.kills
    sum.powerLosses += other.powerLosses
    sum.orderlyEnds += other.orderlyEnds
    sum.faults += other.faults
    sum.refusals += other.refusals
    sum.flips += other.flips
    sum.checkpoints += other.checkpoints
  }
}

/// The shape of one run, drawn from its seed: sizes that make every path frequent, and what trouble there is.
struct Weather {
  var partitions: Int
  var tasks: Int
  var producers: Int
  var readers: Int
  var recordsMax: Int
  var inFlightMax: Int
  var checkpointRecords: Int
  var options = LogOptions()
  /// In a million calls.
  var failureRate: UInt64
  var hasFullDisk: Bool
  var hasFlips: Bool
  var hasSlowDisk: Bool
  var powerLossPercent: UInt64
  var crashPercent: UInt64

  init(_ random: inout SplitMix) {
    partitions = Int.random(in: 1...3, using: &random)
    tasks = min(partitions, Int.random(in: 0...2, using: &random))
    producers = Int.random(in: 1...4, using: &random)
    readers = Int.random(in: 1...3, using: &random)
    recordsMax = Self.one(of: [1, 3, 8], &random)
    inFlightMax = Self.one(of: [1, 3, 8], &random)
    checkpointRecords = Self.one(of: [20, 100, 400], &random)
    options.segmentBytes = Self.one(of: [700, 2000, 6000, 40_000], &random)
    options.indexIntervalBytes = Self.one(of: [64, 300, 2000], &random)
    options.openSegmentsMax = Self.one(of: [1, 3, 64], &random)
    failureRate = Self.one(of: [0, 0, 500, 5000], &random)
    hasFullDisk = random.next() % 3 == 0
    hasFlips = random.next() % 3 == 0
    hasSlowDisk = random.next() % 3 == 0
    powerLossPercent = Self.one(of: [0, 50, 100], &random)
    crashPercent = Self.one(of: [10, 30, 60], &random)
  }

  private static func one<Value>(of values: [Value], _ random: inout SplitMix) -> Value {
    values[Int(random.next() % UInt64(values.count))]
  }
}
