// What may be set of a stream server.

internal import Core

/// The parameters of a stream server, with defaults for one machine.
package struct StreamSettings: Sendable {
  /// Threads that serve clients.
  package var reactors = 2
  /// Threads that read history.
  package var replayWorkers = 2
  /// Bytes of recent frames kept per partition.
  package var ringBytesMax = Limits.Stream.ringBytesMax
  /// Shortest time between two flushes of a reactor.
  package var flushIntervalNanos = Limits.Stream.flushIntervalNanos
  package var clientsMax = Limits.Stream.clientsMax

  package init() {}
}
