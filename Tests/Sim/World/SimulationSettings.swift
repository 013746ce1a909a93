// Which run, and what it tells.

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
  /// Has bits rot, whatever the seed says: for a search that only finds something where they do.
  package var hasFlips = false
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
  /// Partitions whose front retention let go, and records that compaction was seen to have left out.
  package var releases = 0
  package var compacted = 0
  /// Records that processes beside the writer's read.
  package var followed = 0
  /// Input records that a power failure took where the topic's durability allows for it.
  package var forgotten = 0

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
    sum.releases += other.releases
    sum.compacted += other.compacted
    sum.followed += other.followed
    sum.forgotten += other.forgotten
  }
}
