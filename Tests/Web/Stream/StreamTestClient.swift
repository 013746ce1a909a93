// A client of /v1/stream over a socket pair, independent of the server's own codec.

import Codecs
import Glibc

/// One frame that a server sent.
struct ServerText: Sendable {
  var bytes: [UInt8]
  var fields: [String: String] = [:]

  var type: String { fields["type"] ?? "" }
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Reads the members of the outermost object; nested values are left out, null is absent.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var scanner = JSONScanner(bytes.span.bytes)
    do {
      _ = try scanner.next()
      while try scanner.next() == .key {
        let name = String(utf8: scanner.text)
        let token = try scanner.next()
        switch token {
        case .string, .number: fields[name] = String(utf8: scanner.text)
        case .true: fields[name] = "true"
        case .objectStart, .arrayStart:
          let depth = scanner.depth
          while scanner.depth >= depth { _ = try scanner.next() }
        default: break
        }
      }
      if try scanner.next() != .end { fields = [:] }
    } catch {
      fields = ["type": "not JSON: \(error)"]
    }
  }

  /// Partition and offset of `pos`, of a data frame.
  var position: (partition: Int, offset: Int64) { Self.split(fields["pos"] ?? "") }
  /// The last offset in each partition, of a control frame.
  var offsets: [Int64] { (fields["pos"] ?? "").split(separator: ",").map { Self.split(String($0)).offset } }

  static func split(_ text: String) -> (partition: Int, offset: Int64) {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let partition = Int(parts[0]), let offset = Int64(parts[1]) else { return (-1, -2) }
    return (partition, offset)
  }
}

/// What came instead of a text frame.
enum ServerEvent {
  case text(ServerText)
  case ping
  case pong([UInt8])
  case close(UInt16, String)
  case end
  case silence
}

/// Reads in small steps if it is told to be slow. Used by one thread at a time.
final class StreamTestClient: @unchecked Sendable {  // Sendable: handed to the one thread that uses it.
  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var head = 0
  var readBytes = 65_536
  /// Called before each read.
  var pause: () -> Void = {}

  /// Connects a pair and hands the server's end to `adopt`. `socketBytes` makes both buffers small.
  init(socketBytes: Int32? = nil, initialBytes: [UInt8] = [], _ adopt: (Int32, [UInt8]) -> Void) {
    var pair: [Int32] = [-1, -1]
    let result = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
    precondition(result == 0, "no socket pair: \(errno)")
    for end in pair {
      guard var size = socketBytes else { continue }
      setsockopt(end, SOL_SOCKET, SO_SNDBUF, &size, 4)
      setsockopt(end, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    descriptor = pair[0]
    adopt(pair[1], initialBytes)
  }

  deinit { close(descriptor) }

  func send(_ text: String) { send(frame: Self.frame(opcode: 1, Array(text.utf8))) }

  func send(frame: [UInt8]) {
    var sent = 0
    while sent < frame.count {
      let count = frame[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      sent += count
    }
  }

  static func frame(opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    var frame: [UInt8] = [opcode | (isFinal ? 0x80 : 0)]
    if payload.count < 126 {
      frame.append(0x80 | UInt8(payload.count))
    } else if payload.count < 65_536 {
      frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    } else {
      frame.append(0x80 | 127)
      for shift in stride(from: 56, through: 0, by: -8) { frame.append(UInt8(payload.count >> shift & 255)) }
    }
    let mask: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
    frame += mask
    for (index, byte) in payload.enumerated() { frame.append(byte ^ mask[index % 4]) }
    return frame
  }

  /// The next frame, whatever it is.
  func next(timeoutMillis: Int32 = 10_000) -> ServerEvent {
    while true {
      if let event = takeFrame() { return event }
      pause()
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = Glibc.poll(&poll, 1, timeoutMillis)
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { return .silence }
      var chunk = [UInt8](repeating: 0, count: readBytes)
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { return .end }
      if head > 1 << 20 {
        buffer.removeFirst(head)
        head = 0
      }
      buffer += chunk[..<count]
    }
  }

  /// The next text frame; nil when the connection ended, or nothing came.
  func nextText(timeoutMillis: Int32 = 10_000) -> ServerText? {
    while true {
      switch next(timeoutMillis: timeoutMillis) {
      case .text(let text): return text
      case .ping: send(frame: Self.frame(opcode: 10, []))
      case .pong: continue
      case .close, .end, .silence: return nil
      }
    }
  }

  /// The next text frame of a type; others are passed over.
  func next(_ type: String) -> ServerText? {
    while let text = nextText() { if text.type == type { return text } }
    return nil
  }

  private func takeFrame() -> ServerEvent? {
    let available = buffer.count - head
    guard available >= 2 else { return nil }
    let first = buffer[head]
    precondition(buffer[head + 1] < 128, "a server must not mask")
    var count = Int(buffer[head + 1])
    var header = 2
    if count == 126 {
      guard available >= 4 else { return nil }
      count = Int(buffer[head + 2]) << 8 | Int(buffer[head + 3])
      header = 4
    } else if count == 127 {
      guard available >= 10 else { return nil }
      count = buffer[(head + 2)..<(head + 10)].reduce(0) { $0 << 8 | Int($1) }
      header = 10
    }
    guard available >= header + count else { return nil }
    let payload = Array(buffer[(head + header)..<(head + header + count)])
    head += header + count
    switch first {
    case 0x81: return .text(ServerText(payload))
    case 0x89: return .ping
    case 0x8a: return .pong(payload)
    case 0x88:
      let code = payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : 1005
      return .close(code, String(decoding: payload.dropFirst(2), as: UTF8.self))
    default: preconditionFailure("a frame that begins with \(first)")
    }
  }
}
