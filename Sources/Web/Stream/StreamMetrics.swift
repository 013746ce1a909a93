// The counters of the fan-out.

package import Core
internal import Synchronization

/// A number of things that exist right now.
final class Level: Sendable {
  private let storage = Atomic<Int>(0)
  var value: Int { storage.load(ordering: .relaxed) }
  func change(by change: Int) { storage.wrappingAdd(change, ordering: .relaxed) }
}

/// What the stream server counts. Safe to use from any thread.
package final class StreamMetrics: Sendable {
  let clients = Level()
  let subscriptions = Level()
  /// Bytes in the out-queues of all clients.
  let queuedBytes = Level()
  let refused: Counter
  let frames: Counter
  let bytes: Counter
  let flushes: Counter
  let writes: Counter
  let wouldBlock: Counter
  let encodedFrames: Counter
  let replayedFrames: Counter
  let fellBehind: Counter
  let conflated: Counter
  let slowDisconnects: Counter
  let messages: Counter
  let errors: Counter

  package init(_ metrics: Metrics) {
    refused = metrics.counter("millrace_stream_refused_total", help: "Sockets refused because there are too many.")
    frames = metrics.counter("millrace_stream_frames_total", help: "Frames sent.")
    bytes = metrics.counter("millrace_stream_bytes_total", help: "Bytes sent.")
    flushes = metrics.counter("millrace_stream_flushes_total", help: "Times a client was served.")
    writes = metrics.counter("millrace_stream_writes_total", help: "Gathering writes.")
    wouldBlock = metrics.counter("millrace_stream_blocked_total", help: "Writes that a client was not ready for.")
    encodedFrames = metrics.counter(
      "millrace_stream_encoded_total", help: "Live records rendered, once for all clients.")
    replayedFrames = metrics.counter("millrace_stream_replayed_total", help: "Records rendered for replays.")
    fellBehind = metrics.counter("millrace_stream_fell_behind_total", help: "Clients that became too slow to be live.")
    conflated = metrics.counter("millrace_stream_conflated_total", help: "Times a slow client was given newest values.")
    slowDisconnects = metrics.counter(
      "millrace_stream_slow_disconnects_total", help: "Clients closed because they were too slow.")
    messages = metrics.counter("millrace_stream_messages_total", help: "Messages of clients.")
    errors = metrics.counter("millrace_stream_errors_total", help: "Error frames sent.")
    metrics.gauge("millrace_stream_clients", help: "Open sockets.") { [clients] in Double(clients.value) }
    metrics.gauge("millrace_stream_subscriptions", help: "Subscriptions.") { [subscriptions] in
      Double(subscriptions.value)
    }
    metrics.gauge("millrace_stream_queued_bytes", help: "Bytes in the out-queues of clients.") { [queuedBytes] in
      Double(queuedBytes.value)
    }
  }
}
