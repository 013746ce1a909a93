// When the writer waits a moment before a commit, so that one sync carries more.

internal import Core

/// Decides for how many appends to wait, and for how long.
///
/// A producer with one append in flight comes back as soon as it is told. Were nobody waited for, those told by one
/// commit would come while the next one syncs already: two groups form that take turns, each waits for the syncs of
/// both, and each sync carries half of what it could. So the next commit waits for as many appends as were in flight
/// when the last one told, for half a sync at most. Producers that do not come back are not waited for again soon.
struct CommitGathering {
  private var inFlight = 0
  private var syncNanos: Int64 = 0
  private var pause = 1
  private var commitsToSkip = 0

  /// Takes note of a commit that told `told` appends when `queued` more were waiting, after syncs of `syncNanos`.
  mutating func committed(told: Int, queued: Int, syncNanos: Int64) {
    inFlight = told + queued
    self.syncNanos = syncNanos
  }

  /// What to wait for now: so many queued appends, or the end of the time. Nil where it does not pay.
  mutating func next() -> (count: Int, timeoutNanos: Int64)? {
    // Without a sync there is nothing to share.
    guard inFlight > 1, syncNanos > 0 else { return nil }
    guard commitsToSkip == 0 else {
      commitsToSkip -= 1
      return nil
    }
    return (inFlight, min(syncNanos / 2, Limits.logGatherNanosMax))
  }

  /// Takes note of how many there were in the end.
  mutating func gathered(_ count: Int) {
    if count > inFlight / 2 {
      pause = 1
    } else {
      commitsToSkip = pause
      pause = min(2 * pause, Limits.logGatherPauseMax)
    }
    inFlight = 0
  }
}
