// The thread of a feed: it works, it waits until something is due, and it ends when told to.

import Core
import Synchronization

/// Runs one feed's loop. `pause` returns at once when the feed is stopped, so that stopping never waits out a pause.
final class FeedThread: Sendable {
  private struct State {
    var isStopping = false
    var isDone = false
    var thread: NamedThread?
  }

  private let monitor = Monitor(State())
  /// The same as the state's flag, for loops that have no time to lock.
  private let stopping = Atomic(false)

  var isStopping: Bool { stopping.load(ordering: .relaxed) }

  /// Starts the loop; a second call does nothing.
  func start(_ name: String, _ loop: @escaping @Sendable () -> Void) {
    monitor.withLock { state in
      guard state.thread == nil, !state.isStopping else { return }
      state.thread = NamedThread(name) {
        loop()
        self.monitor.withLock { $0.isDone = true }
        self.monitor.broadcast()
      }
    }
  }

  /// Tells the loop to end and waits until it has. Not to be called on the loop's own thread.
  func stop() {
    stopping.store(true, ordering: .relaxed)
    let thread = monitor.withLock { state in
      state.isStopping = true
      return state.thread
    }
    monitor.broadcast()
    thread?.join()
  }

  /// Waits until the loop has ended by itself or was stopped.
  func wait() {
    monitor.wait { $0.isDone || ($0.isStopping && $0.thread == nil) ? () : nil }
  }

  /// Waits for `nanos`, or until the feed is stopped: then the result is false.
  func pause(_ nanos: Int64) -> Bool {
    if nanos <= 0 { return !isStopping }
    return monitor.wait(timeoutNanos: nanos) { $0.isStopping ? () : nil } == nil
  }
}
