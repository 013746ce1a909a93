// Which web pages may use the edge.

/// Decides by the `Origin` header, which browsers send and pages cannot forge.
package struct OriginPolicy: Sendable {
  /// Other origins that are welcome, such as `https://prices.example`; compared whole, without case.
  package let allowed: [String]

  package init(allowed: [String] = []) { self.allowed = allowed.map { $0.lowercased() } }

  package enum Verdict: Equatable, Sendable {
    /// No browser, or a page that this server delivered.
    case own
    /// A page of an origin on the list; the value is to be named in the CORS headers.
    case listed(String)
    case refused(String)
  }

  package func verdict(on request: HTTPRequest) -> Verdict {
    guard request.headerCount("Origin") <= 1 else { return .refused("several") }
    guard let origin = request.header("Origin")?.lowercased() else { return .own }
    if allowed.contains(origin) { return .listed(origin) }
    guard let host = request.header("Host")?.lowercased(), !host.isEmpty else { return .refused(origin) }
    return origin == "http://\(host)" || origin == "https://\(host)" ? .own : .refused(origin)
  }

  /// The CORS headers of an answer. They differ by origin, so caches must keep them apart.
  package func headers(for request: HTTPRequest) -> [(name: String, value: String)] {
    guard !allowed.isEmpty else { return [] }
    guard case .listed(let origin) = verdict(on: request) else { return [("Vary", "Origin")] }
    return [
      ("Vary", "Origin"), ("Access-Control-Allow-Origin", origin),
      (
        "Access-Control-Expose-Headers",
        "Millrace-From, Millrace-Position, Millrace-Epoch, ETag, Retry-After, RateLimit, RateLimit-Policy"
      ),
    ]
  }

  /// What a preflight gets beside the above.
  package func preflightHeaders(for request: HTTPRequest, methods: [String]) -> [(name: String, value: String)] {
    guard case .listed = verdict(on: request), request.header("Access-Control-Request-Method") != nil else { return [] }
    return [
      ("Access-Control-Allow-Methods", methods.joined(separator: ", ")),
      ("Access-Control-Allow-Headers", "Authorization, Content-Type, X-API-Key"), ("Access-Control-Max-Age", "600"),
    ]
  }
}
