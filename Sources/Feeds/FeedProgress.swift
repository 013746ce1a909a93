// How far a feed has come.

import Events
import Synchronization

/// A feed's counts at a moment.
package struct FeedProgress: Equatable, Sendable {
  /// Ticks handed to the sink, clock ticks among them.
  package var ticks: Int64 = 0
  /// Ticks that were due while the sink held the feed up for more than a second; they were never made.
  package var skipped: Int64 = 0
  /// Batches that the sink could not make durable.
  package var failures: Int64 = 0
  /// Why the first of them failed.
  package var firstFailure: String?
}

/// Hands batches to a sink and keeps the counts. Used by the feed's thread; the counts can be read from any.
final class FeedOutlet<Sink: TickSink>: Sendable {
  private let sink: Sink
  private let state = Mutex(FeedProgress())

  init(_ sink: Sink) { self.sink = sink }

  var progress: FeedProgress { state.withLock { $0 } }

  /// Sends the ticks and empties the array. Blocks while the log is behind.
  func send(_ ticks: inout [Tick]) {
    if ticks.isEmpty { return }
    let count = Int64(ticks.count)
    sink.send(ticks) { failure in
      guard let failure else { return }
      self.state.withLock { state in
        state.failures += 1
        if state.firstFailure == nil { state.firstFailure = failure }
      }
    }
    state.withLock { $0.ticks += count }
    ticks.removeAll(keepingCapacity: true)
  }

  func note(skipped: Int64) { state.withLock { $0.skipped = skipped } }
}
