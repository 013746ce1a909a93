// Time as a seam: whoever needs it is generic over where it comes from.

internal import CPlatform

/// A source of time. Both in nanoseconds; the wall clock since 1970, the monotonic one since an arbitrary moment.
package protocol Clock: Sendable {
  func wallNanos() -> Int64
  func monotonicNanos() -> Int64
}

/// The machine's own clock.
package struct SystemClock: Clock {
  package init() {}

  package func wallNanos() -> Int64 { read(CLOCK_REALTIME) }
  package func monotonicNanos() -> Int64 { read(CLOCK_MONOTONIC) }

  private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
