// A mutex with condition variables, which `Synchronization` does not have.

internal import CPlatform

/// State behind a lock, and threads that wait for it to change. Waiting is on the monotonic clock.
@safe package final class Monitor<State>: @unchecked Sendable {  // Sendable: `state` is touched under the mutex only.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let conditions: UnsafeMutablePointer<pthread_cond_t>
  private let conditionCount: Int
  private var state: State

  /// `conditions` is how many different things threads wait for; they are named by their index.
  package init(_ state: State, conditions count: Int = 1) {
    self.state = state
    conditionCount = count
    unsafe mutex = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe conditions = UnsafeMutablePointer.allocate(capacity: count)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    for index in 0..<count {
      unsafe (conditions + index).initialize(to: pthread_cond_t())
      unsafe pthread_cond_init(conditions + index, &attributes)
    }
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    for index in 0..<conditionCount { unsafe pthread_cond_destroy(conditions + index) }
    unsafe pthread_mutex_destroy(mutex)
    unsafe conditions.deallocate()
    unsafe mutex.deallocate()
  }

  package func withLock<Result, E: Error>(_ body: (inout State) throws(E) -> Result) throws(E) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Runs `attempt` under the lock until it returns a value, waiting for `condition` to be signalled in between.
  package func wait<Result>(for condition: Int = 0, _ attempt: (inout State) -> Result?) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = attempt(&state) { return result }
      unsafe pthread_cond_wait(conditions + condition, mutex)
    }
  }

  /// As `wait`, but gives up after `timeoutNanos` with nil.
  package func wait<Result>(
    for condition: Int = 0, timeoutNanos: Int64, _ attempt: (inout State) -> Result?
  ) -> Result? {
    let now = SystemClock().monotonicNanos()
    let (sum, overflow) = now.addingReportingOverflow(max(0, timeoutNanos))
    let end = overflow ? Int64.max : sum
    var deadline = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let result = attempt(&state) { return result }
      if unsafe pthread_cond_timedwait(conditions + condition, mutex, &deadline) == ETIMEDOUT {
        return attempt(&state)
      }
    }
  }

  /// Wakes one thread that waits for `condition`.
  package func signal(_ condition: Int = 0) { unsafe pthread_cond_signal(conditions + condition) }

  /// Wakes all threads that wait for `condition`.
  package func broadcast(_ condition: Int = 0) { unsafe pthread_cond_broadcast(conditions + condition) }
}
