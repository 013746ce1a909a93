// A client that speaks to the socket itself, so that a test can also say what no library would.

import Glibc

/// One connection. Blocking, with a receive timeout, so that a server that says nothing fails the test.
final class HTTPTestClient {
  struct Response {
    var status = 0
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// The body ended where it said it would.
    var isComplete = true

    func header(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  struct Failure: Error { let reason: String }

  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var timeout = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), 1, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code != 0 { throw Failure(reason: "connect: \(errno)") }
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { throw Failure(reason: "send: \(errno)") }
      sent += count
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  /// Sends one request and reads its answer.
  func request(
    _ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil
  ) throws -> Response {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for header in headers { head += header + "\r\n" }
    if let body { head += "Content-Length: \(body.count)\r\n" }
    try send(Array((head + "\r\n").utf8) + (body ?? []))
    return try receive(hasBody: method != "HEAD")
  }

  func get(_ target: String, headers: [String] = []) throws -> Response { try request("GET", target, headers: headers) }

  func post(_ target: String, _ body: String, headers: [String] = []) throws -> Response {
    try request("POST", target, headers: headers, body: Array(body.utf8))
  }

  /// Reads until more is there; false at the end of the stream.
  private func fill() throws -> Bool {
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    let count = piece.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
    if count < 0 { throw Failure(reason: "recv: \(errno)") }
    buffer.append(contentsOf: piece[..<count])
    return count > 0
  }

  private func line() throws -> String {
    while true {
      if let end = buffer.firstIndex(of: 0x0a) {
        let line = String(decoding: buffer[..<end], as: UTF8.self)
        buffer.removeFirst(end + 1)
        return line.hasSuffix("\r") ? String(line.dropLast()) : line
      }
      if try !fill() { throw Failure(reason: "closed after '\(String(decoding: buffer, as: UTF8.self))'") }
    }
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while buffer.count < count { if try !fill() { throw Failure(reason: "closed within a body") } }
    defer { buffer.removeFirst(count) }
    return Array(buffer[..<count])
  }

  func receive(hasBody: Bool = true) throws -> Response {
    var response = Response()
    repeat {
      response = Response()
      let parts = try line().split(separator: " ")
      guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
        throw Failure(reason: "no status line: \(parts)")
      }
      response.status = status
      while case let text = try line(), !text.isEmpty {
        let sides = text.split(separator: ":", maxSplits: 1)
        response.headers.append((String(sides[0]), sides.count > 1 ? String(sides[1].drop { $0 == " " }) : ""))
      }
    } while response.status == 100
    guard hasBody, response.status != 204, response.status != 304, response.status != 101 else { return response }
    if response.header("Transfer-Encoding") == "chunked" {
      do {
        while case let size = Int(try line(), radix: 16) ?? -1, size > 0 {
          response.body.append(contentsOf: try take(size))
          _ = try line()
        }
        _ = try line()
      } catch {
        response.isComplete = false
      }
    } else if let length = response.header("Content-Length").flatMap({ Int($0) }) {
      response.body = try take(length)
    } else {
      while try fill() {}
      response.body = buffer
      buffer = []
    }
    return response
  }

  /// What comes until the peer closes, within the timeout.
  func receiveUntilClosed() throws -> [UInt8] {
    while try fill() {}
    defer { buffer = [] }
    return buffer
  }

  /// Whether nothing comes for so long.
  func isSilent(millis: Int32) -> Bool {
    var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return buffer.isEmpty && poll(&ready, 1, millis) == 0
  }

  /// The bytes that came after the last response.
  func receiveRaw(_ count: Int) throws -> [UInt8] { try take(count) }
}
