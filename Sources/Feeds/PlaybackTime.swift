// When the moments of a recording are due in the time of those who watch.

import Core
import Events

/// Maps recorded time to monotonic nanoseconds, at a factor, with long pauses cut short. Pure.
struct PlaybackTime: Sendable {
  /// Recorded seconds per second, in thousandths.
  private let speedMilli: Int64
  private var recorded: Int64
  private var due: Int64

  /// The moment `recorded` is due `now`.
  init(speedMilli: Int, from recorded: Timestamp, now: Int64) {
    self.speedMilli = Int64(max(1, speedMilli))
    self.recorded = recorded.nanos
    due = now
  }

  /// When `moment` is due; a moment before the last one that was asked for is due with it.
  func due(_ moment: Timestamp) -> Int64 { due &+ scaled(moment) }

  /// Whether the pause until `moment` is longer than anyone should wait: `Limits.recordingIdleSecondsMax`.
  func isIdle(until moment: Timestamp) -> Bool { scaled(moment) > Limits.recordingIdleSecondsMax * 1_000_000_000 }

  /// Goes on to `moment`. A pause that is too long is cut to the limit.
  mutating func advance(to moment: Timestamp) {
    guard moment.nanos > recorded else { return }
    due &+= min(scaled(moment), Limits.recordingIdleSecondsMax * 1_000_000_000)
    recorded = moment.nanos
  }

  private func scaled(_ moment: Timestamp) -> Int64 {
    let passed = max(0, Int128(moment.nanos) - Int128(recorded))
    return Int64(clamping: passed * 1000 / Int128(speedMilli))
  }
}
