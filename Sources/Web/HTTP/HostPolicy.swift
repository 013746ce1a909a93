// Under which names this server may be called.

/// Tells the server's own names from those that a page made to lead here: a browser that was given 127.0.0.1 for
/// evil.example sends that name in `Host` and, as one and the same, in `Origin` (DNS rebinding).
package struct HostPolicy: Sendable {
  private let listening: String

  /// `host` is what the server listens on.
  package init(listening host: String) { listening = host.lowercased() }

  /// Whether the request names a loopback address, `localhost` or what is listened on. Browsers always send a name;
  /// one that is missing, as HTTP/1.0 allows, is none of a page's making.
  package func isOwn(_ request: HTTPRequest) -> Bool {
    guard let host = request.header("Host") else { return true }
    let name = Self.name(in: host.lowercased())
    if name == listening || name == "localhost" { return true }
    guard let address = try? SocketAddress(host: name, port: 0), name != "*" else { return false }
    return address.isLoopback
  }

  /// The host without the port: `[::1]:8080` is `::1`.
  private static func name(in host: String) -> String {
    if host.hasPrefix("[") { return String(host.dropFirst().prefix { $0 != "]" }) }
    return String(host.prefix { $0 != ":" })
  }
}
