// The composition root's own bounds.

import Core

extension Limits {
  /// How long a thread that waits for the log may take to see that it shall stop: well within the 2 s of Ctrl-C.
  static let stopCheckNanos: Int64 = 100_000_000
  /// How long a fold that is behind goes on before it commits, where that takes a transaction: what readers wait for at
  /// most, and long against the commit itself.
  static let foldCommitNanos: Int64 = 300_000_000
  /// How long a fold waits before it tries again what had run out, doubled from attempt to attempt: each of them folds
  /// again from the newest checkpoint.
  static let foldPauseNanosMin: Int64 = 100_000_000
  static let foldPauseNanosMax: Int64 = 5_000_000_000
  /// How long clients get to take what is due when the edge stops.
  static let edgeStopNanos: Int64 = 1_000_000_000
}
