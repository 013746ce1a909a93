// How a task runs; nothing of it changes what it puts out.

package import Codecs

#if PLANTED_BUGS
  package import Log
#endif

/// The parameters of a `ProcessorTask` that its outputs do not depend on, but for `screen`.
package struct TaskSettings: Sendable {
  package var screen = TickScreen()
  /// A checkpoint is written after so many input records: what a restart folds again, at most.
  package var checkpointRecords = 2_000_000
  /// How many of the newest checkpoints are kept.
  package var checkpointsKept = 5
  /// And how many older ones at most, for time travel.
  package var checkpointsKeptOlder = 32
  package var compression = Compression.lz4
  #if PLANTED_BUGS
    package var plantedBug: PlantedBug?
  #endif

  package init() {}
}

/// What `ProcessorTask.step` did.
package enum StepResult: Equatable, Sendable {
  /// Folded so many input records; call again.
  case progressed(records: Int)
  /// There is nothing to fold: wait for the input to grow.
  case caughtUp
}

/// What becomes of derived records behind the place where a task goes on.
package enum RecoveryMode: Equatable, Sendable {
  /// At the start of a process, before anybody reads: they are cut off and generated again.
  case cutting
  /// Within it: readers have seen them, so they stay, and their like is only hashed until the fold is past them.
  /// Outputs are a function of the input: it is the same records that come again.
  case inPlace
}

/// How a task came to the place where it goes on.
package struct RecoveryReport: Equatable, Sendable {
  /// What the derived partitions were found to be.
  package enum Outcome: Equatable, Sendable {
    /// There was nothing: a first start.
    case started
    /// Continued from a checkpoint.
    case continued
    /// No checkpoint was usable: the same records are generated again from the start.
    case regenerated
    /// Processors or configuration changed, or what built the partitions is not known: new epochs, from the start.
    case rebuilt
  }

  package var outcome: Outcome
  /// The input offset from which the fold goes on.
  package var position: Int64
  /// A line for each checkpoint that was passed over, with the reason.
  package var warnings: [String]

  package init(outcome: Outcome, position: Int64, warnings: [String]) {
    self.outcome = outcome
    self.position = position
    self.warnings = warnings
  }
}

/// How far a task is with what is committed already and must be folded again, with no output: input offsets.
package struct SilentFold: Equatable, Sendable {
  package var start: Int64
  /// The next one.
  package var position: Int64
  /// That of what is not committed yet.
  package var end: Int64
  package var outcome: RecoveryReport.Outcome
}
