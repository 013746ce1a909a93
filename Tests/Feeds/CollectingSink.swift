// A sink that keeps what it is sent.

import Core
import Events
import Feeds
import Synchronization

final class CollectingSink: TickSink {
  private let state = Mutex<(ticks: [Tick], batches: Int, largest: Int)>(([], 0, 0))
  private let failure: String?
  private let monitor = Monitor(0)

  /// With `failure`, every batch fails for that reason.
  init(failure: String? = nil) { self.failure = failure }

  var ticks: [Tick] { state.withLock { $0.ticks } }
  var largestBatch: Int { state.withLock { $0.largest } }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    state.withLock { state in
      state.ticks += ticks
      state.batches += 1
      state.largest = max(state.largest, ticks.count)
    }
    monitor.withLock { $0 += ticks.count }
    monitor.broadcast()
    completion?(failure)
  }

  /// Waits until so many ticks have come.
  func wait(for count: Int) { monitor.wait { $0 >= count ? () : nil } }
}

/// A clock that goes on by a step with each look at it.
final class SteppingClock: Clock {
  private let monotonic: Atomic<Int64>
  private let stepNanos: Int64
  private let wallOffset: Int64

  init(stepNanos: Int64, wallStart: Int64 = 1_767_225_600_000_000_000) {
    monotonic = Atomic(0)
    self.stepNanos = stepNanos
    wallOffset = wallStart
  }

  func monotonicNanos() -> Int64 { monotonic.add(stepNanos, ordering: .relaxed).newValue }
  func wallNanos() -> Int64 { wallOffset + monotonic.load(ordering: .relaxed) }
}
