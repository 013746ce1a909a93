// How many ticks are due: a rate kept over any length of time, however unevenly one asks.

import Core

/// Counts what is due since its start at a fixed rate. Times are monotonic nanoseconds.
struct Pacer: Sendable {
  private static let nanosPerSecond: Int64 = 1_000_000_000

  let perSecond: Int64
  /// What was due while the feed was held up for longer than `Limits.feedBacklogNanos`, and will not be made up for.
  private(set) var skipped: Int64 = 0
  private var origin: Int64
  private var taken: Int64 = 0

  init(perSecond: Int, startingAt now: Int64) {
    self.perSecond = Int64(max(1, perSecond))
    origin = now
  }

  /// Takes all that is due at `now`.
  mutating func take(at now: Int64) -> Int {
    let due = max(0, total(at: now) - taken)
    let backlogMax = max(1, scaled(Limits.feedBacklogNanos))
    taken += due
    if due > backlogMax { skipped += due - backlogMax }
    return Int(min(due, backlogMax))
  }

  /// How long it is from `now` until one more is due.
  func nanosUntilNext(at now: Int64) -> Int64 {
    let (seconds, rest) = (taken + 1).quotientAndRemainder(dividingBy: perSecond)
    let part = Int64((Int128(rest) * Int128(Self.nanosPerSecond) + Int128(perSecond) - 1) / Int128(perSecond))
    return max(0, origin + seconds * Self.nanosPerSecond + part - now)
  }

  private func total(at now: Int64) -> Int64 { scaled(max(0, now - origin)) }

  private func scaled(_ nanos: Int64) -> Int64 {
    Int64(truncatingIfNeeded: Int128(nanos) * Int128(perSecond) / Int128(Self.nanosPerSecond))
  }
}
