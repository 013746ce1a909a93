// Many producers, one consumer that takes everything at once: the hand-over between threads, bounded by weight.

/// A queue whose elements' total weight (bytes, say) is bounded: a producer blocks while it is full.
package final class BoundedQueue<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    var weight = 0
    var isClosed = false
    /// With how many elements the waiting consumer is to be woken; 0 while it does not wait.
    var consumerCount = 0
    var waitingProducers = 0
  }

  private static var filled: Int { 0 }
  private static var emptied: Int { 1 }

  private let monitor = Monitor(State(), conditions: 2)
  private let weightMax: Int

  package init(weightMax: Int) { self.weightMax = weightMax }

  /// Adds `element`; blocks while the queue is full. An element heavier than the whole queue is taken when it is
  /// empty. Returns false, with nothing added, once the queue is closed.
  package func push(_ element: Element, weight: Int) -> Bool {
    var hasWaited = false
    let (isAdded, wakes) = monitor.wait(for: Self.emptied) { state -> (Bool, Bool)? in
      if state.isClosed {
        if hasWaited { state.waitingProducers -= 1 }
        return (false, false)
      }
      if state.weight + weight > weightMax, !state.elements.isEmpty {
        if !hasWaited { state.waitingProducers += 1 }
        hasWaited = true
        return nil
      }
      if hasWaited { state.waitingProducers -= 1 }
      state.elements.append(element)
      state.weight += weight
      let wakes = state.consumerCount > 0 && state.elements.count >= state.consumerCount
      if wakes { state.consumerCount = 0 }
      return (true, wakes)
    }
    if wakes { monitor.signal(Self.filled) }
    return isAdded
  }

  /// Replaces the content of `elements` by all that is queued, blocking until there is something or the time is over;
  /// nil waits for ever. Returns false once the queue is closed and empty. For one consumer.
  package func drain(into elements: inout [Element], timeoutNanos: Int64? = nil) -> Bool {
    elements.removeAll(keepingCapacity: true)
    func attempt(_ state: inout State) -> (Bool, Bool)? {
      if state.elements.isEmpty {
        if state.isClosed { return (false, false) }
        state.consumerCount = 1
        return nil
      }
      swap(&state.elements, &elements)
      state.weight = 0
      return (true, state.waitingProducers > 0)
    }
    let result =
      if let timeoutNanos {
        monitor.wait(for: Self.filled, timeoutNanos: timeoutNanos, attempt)
      } else {
        Optional(monitor.wait(for: Self.filled, attempt))
      }
    // Over without an element: nothing to hand over, but not the end.
    let (isOpen, wakes) = result ?? (true, false)
    if wakes { monitor.broadcast(Self.emptied) }
    return isOpen
  }

  /// How many elements are queued.
  package var count: Int { monitor.withLock { $0.elements.count } }

  /// Blocks until `count` elements are queued or the time is over. Returns how many are. For the consumer, before it
  /// drains; producers that find no room wait for the end of the time.
  package func waitForCount(_ count: Int, timeoutNanos: Int64) -> Int {
    monitor.wait(for: Self.filled, timeoutNanos: timeoutNanos) { state in
      if state.elements.count >= count || state.isClosed { return state.elements.count }
      state.consumerCount = count
      return nil
    } ?? self.count
  }

  /// As `drain`, but never blocks: returns false when there is nothing.
  package func drainQueued(into elements: inout [Element]) -> Bool {
    elements.removeAll(keepingCapacity: true)
    let wakes = monitor.withLock { state in
      swap(&state.elements, &elements)
      state.weight = 0
      return state.waitingProducers > 0
    }
    if wakes { monitor.broadcast(Self.emptied) }
    return !elements.isEmpty
  }

  /// Takes no more; what is queued can still be drained. Wakes everyone.
  package func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.broadcast(Self.filled)
    monitor.broadcast(Self.emptied)
  }
}
