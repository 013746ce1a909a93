// The threads that read history.

internal import Core
internal import Log
internal import Synchronization

/// A few workers and one queue. A subscription has at most one job per partition in it, so the queue is bounded by the
/// subscriptions. Safe to use from any thread.
final class ReplayPool<Log: EventLog>: Sendable {
  private struct State: Sendable {
    var jobs: [ReplayJob] = []
    /// Index of the next job: taking one moves nothing.
    var head = 0
    var isStopping = false
  }

  private let catalog: StreamCatalog<Log>
  private let state = Mutex(State())
  /// One per worker; only its wake-up is used.
  private let doorbells: [Reactor]
  private let threads = Mutex<[NamedThread]>([])
  private let nextDoorbell = Atomic<Int>(0)

  init(_ catalog: StreamCatalog<Log>, workers: Int) throws(ReactorError) {
    self.catalog = catalog
    var doorbells: [Reactor] = []
    for _ in 0..<max(1, workers) { doorbells.append(try Reactor()) }
    self.doorbells = doorbells
  }

  func start() {
    for (index, doorbell) in doorbells.enumerated() {
      let thread = NamedThread("replay-\(index)") { [self] in run(doorbell) }
      threads.withLock { $0.append(thread) }
    }
  }

  func submit(_ job: ReplayJob) {
    state.withLock { $0.jobs.append(job) }
    let next = nextDoorbell.wrappingAdd(1, ordering: .relaxed).newValue
    doorbells[Int(UInt(bitPattern: next) % UInt(doorbells.count))].wake()
  }

  /// Ends the threads after the jobs under way; waiting ones are forgotten.
  func stop() {
    state.withLock { state in
      state.isStopping = true
      state.jobs = []
      state.head = 0
    }
    for doorbell in doorbells { doorbell.wake() }
    for thread in threads.withLock({ $0 }) { thread.join() }
  }

  private func run(_ doorbell: Reactor) {
    let worker = ReplayWorker(catalog)
    while !state.withLock({ $0.isStopping }) {
      while let job = take() { worker.perform(job) }
      doorbell.wait(timeoutNanos: -1) { _, _ in }
    }
  }

  private func take() -> ReplayJob? {
    state.withLock { state in
      guard state.head < state.jobs.count else { return nil }
      let job = state.jobs[state.head]
      state.head += 1
      if state.head == state.jobs.count {
        state.jobs.removeAll(keepingCapacity: true)
        state.head = 0
      } else if state.head >= 1024, state.head * 2 > state.jobs.count {
        state.jobs.removeFirst(state.head)
        state.head = 0
      }
      return job
    }
  }
}
