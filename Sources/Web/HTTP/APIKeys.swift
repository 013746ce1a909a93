// Who may write.

/// The secrets that open ingest. Never printed.
package struct APIKeys: Sendable {
  private let secrets: [[UInt8]]

  package init(_ secrets: [String]) { self.secrets = secrets.map { Array($0.utf8) }.filter { !$0.isEmpty } }

  package var isEmpty: Bool { secrets.isEmpty }

  /// Throws unless the request carries a known key, in `X-API-Key` or as a bearer token.
  package func check(_ request: HTTPRequest) throws(HTTPProblem) {
    guard let given = Self.key(of: request) else {
      throw HTTPProblem(
        401, "Key required", detail: "The request carries no key.",
        remedy: "Send it in the header X-API-Key, or as Authorization: Bearer.",
        headers: [("WWW-Authenticate", "Bearer")])
    }
    var isKnown = false
    // No early exit: the time tells neither which key nor how much of it was right.
    for secret in secrets where Self.areEqual(secret, given) { isKnown = true }
    guard isKnown else {
      throw HTTPProblem(
        401, "Key unknown", detail: "The request's key is not one of the configured ones.",
        headers: [("WWW-Authenticate", "Bearer error=\"invalid_token\"")])
    }
  }

  private static func key(of request: HTTPRequest) -> [UInt8]? {
    if let key = request.header("X-API-Key") { return Array(key.utf8) }
    guard let value = request.header("Authorization") else { return nil }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, String(parts[0]).equalsIgnoringCase("Bearer") else { return nil }
    return Array(parts[1].utf8)
  }

  /// Looks at every byte of the secret whatever was given; only the secret's length shows in the time.
  private static func areEqual(_ secret: [UInt8], _ given: [UInt8]) -> Bool {
    var difference: UInt8 = secret.count == given.count ? 0 : 1
    for index in secret.indices { difference |= secret[index] ^ (index < given.count ? given[index] : 0) }
    return difference == 0
  }
}
