// What reactors ask of the replay workers.

/// A piece of work that may touch the disk, and where its result goes.
struct ReplayJob: Sendable {
  enum Work: Sendable {
    /// Where does a subscription begin?
    case resolve(StreamStart)
    /// The next frames from `position` on.
    case piece(partition: Int, position: Int64, reader: ReplayReader?)
    /// The newest values since `position`, then on from there.
    case conflate(partition: Int, position: Int64)
  }

  enum Outcome: Sendable {
    case resolved(Result<ResolvedStart, StreamFailure>)
    case piece(partition: Int, Result<ReplayPiece, StreamFailure>, ReplayReader?)
  }

  var stream: Int
  var filter: KeyFilter
  /// Refused when the partition's epoch is another one by now.
  var epochs: [UInt32]
  var work: Work
  /// Called on the worker's thread; must not block.
  var done: @Sendable (Outcome) -> Void
}
