// What a limit tells a client, in the fields of draft-ietf-httpapi-ratelimit-headers, and in those of before.

/// The state of one limit at the time of an answer.
package struct RateLimit: Sendable {
  package var name: StaticString
  /// How many there may be: requests in `windowSeconds`, or at a time where that is nil.
  package var quota: Int
  package var remaining: Int
  package var windowSeconds: Int?
  /// After how many seconds it is worth asking again.
  package var resetSeconds: Int

  package var headers: [(name: String, value: String)] {
    let window = windowSeconds.map { ";w=\($0)" } ?? ";qu=\"concurrent-requests\""
    return [
      ("RateLimit-Policy", "\"\(name)\";q=\(quota)\(window)"),
      ("RateLimit", "\"\(name)\";r=\(remaining);t=\(resetSeconds)"),
      ("X-RateLimit-Limit", "\(quota)"), ("X-RateLimit-Remaining", "\(remaining)"),
      ("X-RateLimit-Reset", "\(resetSeconds)"),
    ]
  }
}
