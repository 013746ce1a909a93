// One request on its way through the daemon.

import Core
import Synchronization

/// A request being received, then answered. Touched by the daemon's thread that serves the connection, and by whoever
/// answers a deferred request.
final class HTTPExchange: Sendable {
  enum Phase: Sendable {
    /// The request line is known.
    case started
    /// Headers are known, the body is arriving.
    case receiving
    /// The connection is suspended until the reply.
    case waiting
    case answered(HTTPResponse)
    /// The answer was handed to the library.
    case queued
  }

  struct State: Sendable {
    var phase = Phase.started
    var request = HTTPRequest(method: "", path: [])
    /// Bytes of the body so far, those that were dropped included.
    var receivedBytes = 0
    var status = 0
    /// For an answer that takes over the connection, once its headers were sent.
    var upgrade: (@Sendable (Int32, [UInt8]) -> Void)?
  }

  let target: String
  let startNanos: Int64
  let state = Mutex(State())

  init(target: String, startNanos: Int64) {
    self.target = target
    self.startNanos = startNanos
  }
}
