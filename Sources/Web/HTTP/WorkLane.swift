// Threads for what an HTTP thread may not wait for: decoding large bodies, back-pressure of the log, long scans.

import Core

/// A bounded queue with a few threads. Work that finds the queue full is refused, which the client is told at once.
package final class WorkLane: Sendable {
  private struct State {
    var waiting: [@Sendable () -> Void] = []
    /// Index of the next one; the array is compacted when it runs empty.
    var next = 0
    var isClosed = false
  }

  private let state = Monitor(State())
  private let waitingMax: Int
  private let threads: Monitor<[NamedThread]>

  package init(name: String, threads count: Int, waitingMax: Int) {
    self.waitingMax = waitingMax
    threads = Monitor([])
    let started = (0..<count).map { index in NamedThread("\(name)-\(index)") { [state] in Self.run(state) } }
    threads.withLock { $0 = started }
  }

  package var waitingCount: Int { state.withLock { $0.waiting.count - $0.next } }

  /// Queues `work`; false when the queue is full or closed.
  package func add(_ work: @escaping @Sendable () -> Void) -> Bool {
    let isAdded = state.withLock { state in
      if state.isClosed || state.waiting.count - state.next >= waitingMax { return false }
      state.waiting.append(work)
      return true
    }
    if isAdded { state.signal() }
    return isAdded
  }

  /// Does what is queued, then ends the threads.
  package func close() {
    state.withLock { $0.isClosed = true }
    state.broadcast()
    for thread in threads.withLock({ $0 }) { thread.join() }
  }

  private static func run(_ state: Monitor<State>) {
    while true {
      let work = state.wait { state -> (@Sendable () -> Void)?? in
        guard state.next < state.waiting.count else { return state.isClosed ? .some(nil) : nil }
        defer {
          state.next += 1
          if state.next == state.waiting.count {
            state.waiting.removeAll(keepingCapacity: true)
            state.next = 0
          }
        }
        return state.waiting[state.next]
      }
      guard let work else { return }
      work()
    }
  }
}
