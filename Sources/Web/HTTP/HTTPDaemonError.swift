// Why the daemon does not run.

/// An address that cannot be listened on.
package enum HTTPDaemonError: Error, Equatable, Sendable {
  /// The host is not an address of IPv4 or IPv6; nothing was opened.
  case badAddress(String)
  /// The address cannot be listened on, most often because another process does; `code` is the errno.
  case cannotListen(host: String, port: UInt16, code: Int32)
}
