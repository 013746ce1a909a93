// Ticks on their way to the log also tell how their sources are doing.

import Codecs
import Core
import Events
import Feeds
import Log
import Synchronization

/// Passes ticks on, and appends an event to sources.status.v1 whenever a source's state changes.
final class StatusSink<Inner: TickSink, Partition: PartitionLog>: TickSink {
  private struct State: ~Copyable {
    var monitor = SourceMonitor()
    var batch = RecordBatchWriter()
    var value = ByteWriter()

    mutating func append(_ change: SourceStatus) { batch.append(change, scratch: &value) }
  }

  private let inner: Inner
  private let statuses: Partition
  private let clock: SystemClock
  private let state = Mutex(State())

  init(_ inner: Inner, statuses: Partition, clock: SystemClock) {
    self.inner = inner
    self.statuses = statuses
    self.clock = clock
  }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    let now = Timestamp(nanos: clock.wallNanos())
    state.withLock { state in
      let changes = state.monitor.observe(ticks, at: now)
      if !changes.isEmpty { append(changes, &state) }
    }
    inner.send(ticks, completion: completion)
  }

  /// Notices the sources that have fallen silent. Call about once a second.
  func advance() {
    let now = Timestamp(nanos: clock.wallNanos())
    state.withLock { state in
      let changes = state.monitor.advance(to: now)
      if !changes.isEmpty { append(changes, &state) }
    }
  }

  private func append(_ changes: [SourceStatus], _ state: inout State) {
    for change in changes { state.append(change) }
    // A failed log refuses the ticks as well, and says so to whoever sent them.
    try? statuses.append(state.batch.finish(), completion: nil)
  }
}

extension RecordBatchWriter {
  /// Adds the record of `status`; `scratch` holds its value in between.
  fileprivate mutating func append(_ status: SourceStatus, scratch: inout ByteWriter) {
    scratch.removeAll()
    status.encode(into: &scratch)
    append(
      timestampMillis: status.eventTime.millis, key: unsafe status.source.utf8.span.bytes, value: scratch.bytes)
  }
}
