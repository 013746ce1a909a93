// Where to listen, as the kernel wants it.

internal import CMicroHTTPD
internal import CPlatform
internal import Glibc

/// An address of IPv4 or IPv6 with a port.
struct SocketAddress {
  private var storage = sockaddr_storage()

  /// `host` is an address, or `localhost`, or `*` for all of IPv4. No name is looked up: that could block.
  init(host: String, port: UInt16) throws(HTTPDaemonError) {
    let literal = host == "localhost" ? "127.0.0.1" : host == "*" ? "0.0.0.0" : host
    var four = sockaddr_in()
    var six = sockaddr_in6()
    if unsafe inet_pton(AF_INET, literal, &four.sin_addr) == 1 {
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &storage) { target in
        unsafe withUnsafeBytes(of: four) { unsafe target.copyMemory(from: $0) }
      }
    } else if unsafe inet_pton(AF_INET6, literal, &six.sin6_addr) == 1 {
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &storage) { target in
        unsafe withUnsafeBytes(of: six) { unsafe target.copyMemory(from: $0) }
      }
    } else {
      throw .badAddress(host)
    }
  }

  mutating func withPointer<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result {
    unsafe withUnsafePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
    }
  }

  /// Whether the peer's address is 127.0.0.0/8, ::1, or the former in the clothes of IPv6.
  static func isLoopback(_ address: UnsafePointer<sockaddr>) -> Bool {
    switch Int32(unsafe address.pointee.sa_family) {
    case AF_INET:
      return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
      }
    case AF_INET6:
      return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        let bytes = unsafe withUnsafeBytes(of: pointer.pointee.sin6_addr) { unsafe [UInt8]($0) }
        if bytes == [UInt8](repeating: 0, count: 15) + [1] { return true }
        return bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 127])
      }
    default: return false
    }
  }
}
