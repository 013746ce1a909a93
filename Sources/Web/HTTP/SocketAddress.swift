// Addresses as the kernel lays them out. Written by hand: which C module owns the struct's members depends on the order
// in which the modules are built.
//
//   IPv4:  family (2) | port, big-endian (2) | address (4)  | zeros (8)
//   IPv6:  family (2) | port, big-endian (2) | flow (4)     | address (16) | scope (4)

internal import Glibc

/// An address of IPv4 or IPv6 with a port.
struct SocketAddress {
  private let bytes: [UInt8]

  /// `host` is an address, or `localhost`, or `*` for all of IPv4. No name is looked up: that could block.
  init(host: String, port: UInt16) throws(HTTPDaemonError) {
    let literal = host == "localhost" ? "127.0.0.1" : host == "*" ? "0.0.0.0" : host
    let portBytes = [UInt8(port >> 8), UInt8(port & 0xff)]
    var address = [UInt8](repeating: 0, count: 16)
    if unsafe inet_pton(AF_INET, literal, &address) == 1 {
      bytes = Self.family(AF_INET) + portBytes + address[..<4] + [UInt8](repeating: 0, count: 8)
    } else if unsafe inet_pton(AF_INET6, literal, &address) == 1 {
      bytes = Self.family(AF_INET6) + portBytes + [0, 0, 0, 0] + address + [0, 0, 0, 0]
    } else {
      throw .badAddress(host)
    }
  }

  private static func family(_ family: Int32) -> [UInt8] {
    unsafe withUnsafeBytes(of: UInt16(truncatingIfNeeded: family)) { unsafe [UInt8]($0) }
  }

  /// Lends the struct to a C function.
  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>) -> Result) -> Result? {
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe buffer.assumingMemoryBound(to: sockaddr.self).baseAddress.map { unsafe body($0) }
    }
  }

  var isLoopback: Bool { unsafe withPointer { unsafe Self.isLoopback($0) } ?? false }

  /// Whether the peer's address is 127.0.0.0/8, ::1, or the former in the clothes of IPv6.
  static func isLoopback(_ address: UnsafePointer<sockaddr>) -> Bool {
    let start = unsafe UnsafeRawPointer(address)
    switch unsafe Int32(start.loadUnaligned(as: UInt16.self)) {
    case AF_INET: return unsafe start.load(fromByteOffset: 4, as: UInt8.self) == 127
    case AF_INET6:
      let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: start + 8, count: 16))
      if bytes == [UInt8](repeating: 0, count: 15) + [1] { return true }
      return bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 127])
    default: return false
    }
  }
}
