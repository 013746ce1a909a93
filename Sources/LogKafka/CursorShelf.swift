// The cursors of one partition: readers that go on where they stopped find theirs again.

internal import CKafka
internal import Core
internal import Log

/// Lends cursors. A reader gets the one that stands where it wants to read; else the one that was not used for the
/// longest time, which then jumps. Cursor `i` of every partition lives on the same consumer handle, since one handle
/// knows one place in a partition.
final class CursorShelf: Sendable {
  private struct State {
    var idle: [FetchCursor] = []
    var lent = 0
    var isClosed = false
  }

  private let monitor: Monitor<State>
  private let makeCursor: @Sendable (Int) throws(KafkaError) -> FetchCursor

  init(makeCursor: @escaping @Sendable (Int) throws(KafkaError) -> FetchCursor) {
    monitor = Monitor(State())
    self.makeCursor = makeCursor
  }

  /// A cursor for reading at `offset`, to be given back. Waits while all are lent; nil when that takes longer than
  /// `timeoutNanos`, or at the end.
  func take(for offset: Int64, timeoutNanos: Int64) throws(KafkaError) -> FetchCursor? {
    let answer: Result<FetchCursor?, KafkaError>? = monitor.wait(timeoutNanos: timeoutNanos) { state in
      if state.isClosed { return .success(nil) }
      if let place = state.idle.firstIndex(where: { $0.next == offset }) {
        state.lent += 1
        return .success(state.idle.remove(at: place))
      }
      let made = state.idle.count + state.lent
      if made < Limits.Kafka.cursorsPerPartition {
        return Result { () throws(KafkaError) in try makeCursor(made) }.map { cursor in
          state.lent += 1
          return cursor
        }
      }
      guard !state.idle.isEmpty else { return nil }
      state.lent += 1
      // Those given back last stand at the end.
      return .success(state.idle.removeFirst())
    }
    return try answer?.get() ?? nil
  }

  func giveBack(_ cursor: FetchCursor) {
    cursor.lastUseNanos = SystemClock().monotonicNanos()
    monitor.withLock { state in
      state.lent -= 1
      if !state.isClosed { state.idle.append(cursor) }
    }
    monitor.broadcast()
  }

  /// Lets cursors rest that nobody used for a while.
  func rest(now: Int64) {
    monitor.withLock { state in
      for cursor in state.idle where now - cursor.lastUseNanos > Limits.Kafka.cursorIdleNanos { cursor.stop() }
    }
  }

  /// Lets go of what was fetched ahead, but for what is being read.
  func restAll() {
    monitor.withLock { state in
      for cursor in state.idle { cursor.stop() }
    }
  }

  /// Frees all cursors; those that are lent must have come back.
  func close() {
    monitor.withLock { state in
      state.isClosed = true
      state.idle = []
    }
    monitor.broadcast()
  }
}
