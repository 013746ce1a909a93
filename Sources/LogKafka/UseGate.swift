// Who is inside while the door closes.

internal import Core

/// Counts those who use something that is freed at the end: `close` lets nobody in any more, and waits until all have
/// left.
final class UseGate: Sendable {
  private let monitor = Monitor((uses: 0, isClosed: false))

  func enter() -> Bool {
    monitor.withLock { state in
      if !state.isClosed { state.uses += 1 }
      return !state.isClosed
    }
  }

  func leave() {
    let isLast = monitor.withLock { state in
      state.uses -= 1
      return state.isClosed && state.uses == 0
    }
    if isLast { monitor.broadcast() }
  }

  var isClosed: Bool { monitor.withLock { $0.isClosed } }

  /// False if it was closed before; then it does not wait.
  func close() -> Bool {
    let isFirst = monitor.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    if isFirst { monitor.wait { $0.uses == 0 ? () : nil } }
    return isFirst
  }
}
