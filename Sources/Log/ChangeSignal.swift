// How readers learn that there is more, at next to no cost for the writer when none of them waits.

internal import Core
internal import Synchronization

/// A generation counter to wait on.
package final class ChangeSignal: Sendable {
  private let storedGeneration = Atomic<UInt64>(0)
  private let waiters = Atomic<Int>(0)
  private let isClosed = Atomic(false)
  // A byte that nobody uses: a state of none has the address of a neighbour, which a thread sanitizer takes for a race.
  private let monitor = Monitor(false)

  package init() {}

  package var generation: UInt64 { storedGeneration.load(ordering: .sequentiallyConsistent) }

  var hasClosed: Bool { isClosed.load(ordering: .sequentiallyConsistent) }

  /// Tells that something changed.
  package func advance() {
    // Either this thread sees the waiter, or the waiter sees the new generation: both orders are total.
    storedGeneration.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard waiters.load(ordering: .sequentiallyConsistent) > 0 else { return }
    monitor.withLock { _ in }
    monitor.broadcast()
  }

  /// Ends all waits, now and later.
  package func close() {
    isClosed.store(true, ordering: .sequentiallyConsistent)
    advance()
  }

  /// Blocks until the generation is not `generation` any more, or the time is over.
  package func wait(after generation: UInt64, timeoutNanos: Int64) -> UInt64 {
    if self.generation != generation || timeoutNanos <= 0 { return self.generation }
    waiters.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { waiters.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
    return monitor.wait(timeoutNanos: timeoutNanos) { _ in
      let current = self.generation
      return current != generation || self.hasClosed ? current : nil
    } ?? self.generation
  }
}
