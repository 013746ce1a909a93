// An answer, independent of the library that writes it.

package import Codecs

/// What goes back to the client.
package struct HTTPResponse: Sendable {
  package enum Body: Sendable {
    case bytes([UInt8])
    /// Rendered while it is sent; chunked. The closure appends what fits; it is called by one thread at a time, which
    /// it must never block for long.
    case pulled(@Sendable (_ output: inout OutputRawSpan, _ waker: HTTPWaker) -> HTTPPull)
    /// After the 101 was sent, the socket and what was read from it already go to this closure, which owns both.
    case upgrade(@Sendable (_ descriptor: Int32, _ initialBytes: [UInt8]) -> Void)
  }

  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: Body

  package init(status: Int = 200, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A JSON document. Nothing that is computed at the moment of asking is kept by a cache.
  package static func json(_ writer: consuming ByteWriter, status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
      body: .bytes(writer.copy()))
  }
}

/// What one pull of a body came to.
package enum HTTPPull: Sendable, Equatable {
  /// Bytes were appended, or nothing could be yet but there is more to scan: pull again.
  case more
  /// Nothing until this moment of the monotonic clock.
  case wait(untilNanos: Int64)
  /// Nothing until the waker is used, which may have happened already.
  case parked
  /// The body is complete.
  case end
  /// The body cannot be completed; the connection is cut so that the client sees it.
  case failed
}

/// Gets a parked body pulled again; usable from any thread, at any time, any number of times.
package struct HTTPWaker: Sendable {
  package let wake: @Sendable () -> Void
  package init(_ wake: @escaping @Sendable () -> Void) { self.wake = wake }
}

/// What a handler makes of a request.
package enum HTTPOutcome: Sendable {
  case respond(HTTPResponse)
  /// The answer takes longer than an HTTP thread may wait: the closure starts the work, on that thread, and the work
  /// answers through the reply, from any thread.
  case later(@Sendable (HTTPReply) -> Void)
}

/// The one answer that is owed to a request. Dropping it unanswered would leave the client waiting until shutdown.
package struct HTTPReply: Sendable {
  private let answer: @Sendable (HTTPResponse) -> Void
  package init(_ answer: @escaping @Sendable (HTTPResponse) -> Void) { self.answer = answer }
  /// Sends the answer; every call after the first is without effect.
  package func send(_ response: HTTPResponse) { answer(response) }
}

/// What the daemon asks for each request, on its own threads, several at a time; nothing here may block.
package struct HTTPHandler: Sendable {
  /// Called when the headers are there: an answer refuses the request before its body is read.
  package var refusal: @Sendable (HTTPRequest) -> HTTPResponse?
  package var respond: @Sendable (HTTPRequest) -> HTTPOutcome
  /// Called when a request's answer was sent or given up.
  package var completed: @Sendable (_ request: HTTPRequest, _ status: Int, _ nanos: Int64) -> Void

  package init(
    refusal: @escaping @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil },
    respond: @escaping @Sendable (HTTPRequest) -> HTTPOutcome,
    completed: @escaping @Sendable (HTTPRequest, Int, Int64) -> Void = { _, _, _ in }
  ) {
    self.refusal = refusal
    self.respond = respond
    self.completed = completed
  }
}
