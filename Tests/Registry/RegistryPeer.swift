// A server on loopback that says what a test wants it to say, byte for byte.

import Foundation
import Glibc
import Synchronization

/// Serves one request for each connection, on a thread of its own, until it is released.
final class RegistryPeer: Sendable {
  struct Request: Sendable {
    var line = ""
    /// By their names in lower case.
    var headers: [String: String] = [:]
    var body: [UInt8] = []
  }

  enum Reply: Sendable {
    case bytes([UInt8])
    /// Nothing, for as long as the peer lives.
    case silence

    static func json(_ status: Int, _ body: String, headers: String = "") -> Reply {
      .bytes(
        Array(
          "HTTP/1.1 \(status) X\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
            .utf8))
    }
  }

  let port: UInt16
  var url: String { "http://127.0.0.1:\(port)" }
  private let listener: Int32
  private let asked = Mutex<[Request]>([])

  var requests: [Request] { asked.withLock { $0 } }

  /// `reply` is told how many requests there were before.
  init(_ reply: @escaping @Sendable (_ request: Request, _ index: Int) -> Reply) {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length)
        listen(listener, 16)
        getsockname(listener, $0, &length)
      }
      return UInt16(bigEndian: pointer.pointee.sin_port)
    }
    Thread.detachNewThread { [weak self] in
      while case let connection = accept(listener, nil, nil), connection >= 0 {
        defer { close(connection) }
        guard let request = Self.read(connection), let self else { continue }
        let index = self.asked.withLock { asked in
          asked.append(request)
          return asked.count - 1
        }
        switch reply(request, index) {
        case .bytes(let bytes):
          _ = bytes.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        case .silence: _ = Self.read(connection)
        }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      // A TLS handshake, which is answered like anything else.
      if bytes.first == 0x16 { return Request() }
      let text = String(decoding: bytes, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        var lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        var request = Request(line: lines.removeFirst())
        for line in lines {
          let parts = line.split(separator: ":", maxSplits: 1)
          request.headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        request.body = Array(text[end.upperBound...].utf8)
        if request.body.count >= Int(request.headers["content-length"] ?? "0") ?? 0 { return request }
      }
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
  }
}
