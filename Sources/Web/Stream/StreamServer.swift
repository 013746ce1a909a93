// The WebSocket half of the edge: takes sockets whose upgrade was answered and serves `/v1/stream` on them.

package import Log

/// Fan-out, replay and hand-over for all clients of `/v1/stream`. Safe to use from any thread.
package final class StreamServer<Log: EventLog>: Sendable {
  private let log: Log

  /// Prepares to serve the streams of `log`; every topic must exist. Nothing runs before `start()`.
  package init(log: Log) {
    self.log = log
  }

  /// Starts the threads. Call once.
  package func start() {}

  /// Takes over a connected socket whose WebSocket handshake has been answered with 101 (subprotocol
  /// `millrace.v1`). `initialBytes` are what was read from it after the request's end. The descriptor belongs to the
  /// server from here on, which makes it non-blocking and closes it, also when it cannot serve it. Never blocks.
  package func adopt(descriptor: Int32, initialBytes: [UInt8]) {}

  /// Closes all clients with 1001 and ends the threads; what is not sent after `deadlineNanos` is cut off.
  package func stop(deadlineNanos: Int64 = 1_000_000_000) {}
}
