// WebSocket frames (RFC 6455, section 5): what clients send, byte by byte if need be.
//
//    bit 0   1-3   4-7      8      9-15      (16 or 64 bits)    32 bits
//   +------+-----+--------+------+---------+------------------+------+------------------+
//   | fin  | rsv | opcode | mask | length  | extended length  | mask | masked payload   |
//   +------+-----+--------+------+---------+------------------+------+------------------+

/// A peer that breaks the protocol: send a close frame with this code and reason, then close the socket.
package struct WebSocketViolation: Error, Equatable, Sendable {
  package var closeCode: UInt16
  package var reason: String
}

/// What came from the peer; its bytes are the decoder's `payload` until the next call.
package enum WebSocketInput: Equatable, Sendable {
  /// A whole message, of one frame or many. Text is UTF-8.
  case text, binary
  case ping, pong
  /// The peer closes, with this code (1005 if it gave none); `payload` is its reason. Nothing follows.
  case close(UInt16)
}

/// Takes the bytes of one client connection, in pieces of any size, and gives messages and control frames. It keeps
/// only the message under way: an idle connection owns no buffer.
package struct WebSocketDecoder: ~Copyable {
  private let messageBytesMax: Int
  private var header = InlineArray<14, UInt8>(repeating: 0)
  private var headerCount = 0
  /// Bytes of the current frame's payload still to come; nil while its header is incomplete.
  private var missing: Int?
  /// The length that the current frame's header gives.
  private var frameLength = 0
  private var opcode = WebSocketOpcode.continuation
  private var isFinal = false
  private var mask: UInt64 = 0
  /// Payload bytes of the current frame so far, modulo 4: where the mask stands.
  private var phase = 0
  /// What the message under way is; nil between messages.
  private var messageKind: WebSocketOpcode?
  private var message = ByteWriter(capacity: 0)
  private var control = ByteWriter(capacity: 0)
  private var utf8 = UTF8Check()
  private var delivered: WebSocketOpcode?
  private var isClosed = false

  /// Messages of more than `messageBytesMax` bytes are refused as soon as a header says so.
  package init(messageBytesMax: Int) { self.messageBytesMax = messageBytesMax }

  /// The bytes of what `next` returned last.
  package var payload: RawSpan {
    @_lifetime(borrow self) get {
      guard let delivered else { return RawSpan() }
      if delivered == .close { return control.bytes.extracting(min(2, control.count)...) }
      return delivered.isControl ? control.bytes : message.bytes
    }
  }

  /// Takes bytes from `position` on and moves it. Returns the next complete input, or nil once all bytes are taken:
  /// call it until then. After a close or an error, nothing more is read.
  package mutating func next(
    in bytes: RawSpan, at position: inout Int
  ) throws(WebSocketViolation) -> WebSocketInput? {
    release()
    while !isClosed {
      guard let rest = missing else {
        if position == bytes.byteCount { return nil }
        header[headerCount] = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
        headerCount += 1
        position += 1
        try readHeader()
        continue
      }
      let taken = min(rest, bytes.byteCount - position)
      if taken > 0 { try take(unsafe bytes.extracting(unchecked: position..<position + taken)) }
      position += taken
      missing = rest - taken
      if missing != 0 { return nil }
      headerCount = 0
      missing = nil
      if let input = try finishFrame() { return input }
    }
    position = bytes.byteCount
    return nil
  }

  /// Frees what the last input held; small buffers stay for the next one.
  private mutating func release() {
    guard let last = delivered else { return }
    delivered = nil
    if last.isControl { return control = ByteWriter(capacity: 0) }
    if message.capacity > CodecLimits.webSocketBufferKeptMax {
      message = ByteWriter(capacity: 0)
    } else {
      message.removeAll()
    }
  }

  private mutating func fail(_ code: UInt16, _ reason: String) -> WebSocketViolation {
    isClosed = true
    return WebSocketViolation(closeCode: code, reason: reason)
  }

  /// Looks at the header's bytes so far; refuses a bad one at its first bad byte.
  private mutating func readHeader() throws(WebSocketViolation) {
    if headerCount == 1 { return try checkFirstByte() }
    let short = Int(header[1] & 0x7f)
    if headerCount == 2 {
      guard header[1] & 0x80 != 0 else { throw fail(WebSocketCloseCode.protocolError, "a frame without a mask") }
      guard !opcode.isControl || short < 126 else {
        throw fail(WebSocketCloseCode.protocolError, "a control frame of more than 125 bytes")
      }
    }
    let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
    if headerCount == 2 + lengthBytes {
      var length = UInt64(short)
      if lengthBytes > 0 {
        length = 0
        for index in 2..<headerCount { length = length << 8 | UInt64(header[index]) }
        guard length >= (lengthBytes == 2 ? 126 : 1 << 16), length < 1 << 63 else {
          throw fail(WebSocketCloseCode.protocolError, "a length in the wrong number of bytes")
        }
      }
      if !opcode.isControl, length > UInt64(messageBytesMax - message.count) {
        throw fail(WebSocketCloseCode.messageTooBig, "a message of more than \(messageBytesMax) bytes")
      }
      frameLength = Int(length)
    }
    guard headerCount == 6 + lengthBytes else { return }
    var word: UInt64 = 0
    for index in 0..<8 { word |= UInt64(header[headerCount - 4 + index % 4]) << UInt64(8 * index) }
    mask = word
    phase = 0
    missing = frameLength
  }

  private mutating func checkFirstByte() throws(WebSocketViolation) {
    let first = header[0]
    guard first & 0x70 == 0 else { throw fail(WebSocketCloseCode.protocolError, "a reserved bit that is set") }
    guard let opcode = WebSocketOpcode(rawValue: first & 15) else {
      throw fail(WebSocketCloseCode.protocolError, "an opcode that does not exist")
    }
    self.opcode = opcode
    isFinal = first & 0x80 != 0
    switch opcode {
    case .close, .ping, .pong:
      guard isFinal else { throw fail(WebSocketCloseCode.protocolError, "a control frame in fragments") }
    case .continuation:
      guard messageKind != nil else {
        throw fail(WebSocketCloseCode.protocolError, "a continuation without a beginning")
      }
    case .text, .binary:
      guard messageKind == nil else {
        throw fail(WebSocketCloseCode.protocolError, "a new message within another")
      }
      messageKind = opcode
      utf8 = UTF8Check()
    }
  }

  /// Unmasks a piece of the payload into its buffer; text is checked as it comes, so that bad text fails at once.
  private mutating func take(_ piece: RawSpan) throws(WebSocketViolation) {
    if opcode.isControl {
      Self.unmask(piece, mask, phase, into: &control)
    } else {
      let start = message.count
      Self.unmask(piece, mask, phase, into: &message)
      if messageKind == .text, !Self.check(&utf8, message, from: start) {
        throw fail(WebSocketCloseCode.invalidPayload, "text that is not UTF-8")
      }
    }
    phase = (phase + piece.byteCount) & 3
  }

  private static func check(_ utf8: inout UTF8Check, _ message: borrowing ByteWriter, from start: Int) -> Bool {
    utf8.consume(message.bytes.extracting(start...))
  }

  private static func unmask(_ piece: RawSpan, _ mask: UInt64, _ phase: Int, into output: inout ByteWriter) {
    let shift = UInt64(phase * 8)
    let turned = shift == 0 ? mask : mask >> shift | mask << (64 - shift)
    let count = piece.byteCount
    output.reserve(count)
    var position = 0
    while count - position >= 8 {
      let word = unsafe piece.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
      output.append(littleEndian: UInt64(littleEndian: word) ^ turned)
      position += 8
    }
    while position < count {
      let byte = unsafe piece.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      output.append(byte ^ UInt8(truncatingIfNeeded: turned >> UInt64((position & 7) * 8)))
      position += 1
    }
  }

  private mutating func finishFrame() throws(WebSocketViolation) -> WebSocketInput? {
    switch opcode {
    case .ping:
      delivered = .ping
      return .ping
    case .pong:
      delivered = .pong
      return .pong
    case .close: return try finishClose()
    case .continuation, .text, .binary:
      guard isFinal, let kind = messageKind else { return nil }
      guard kind != .text || utf8.isComplete else {
        throw fail(WebSocketCloseCode.invalidPayload, "text that ends within a character")
      }
      messageKind = nil
      delivered = kind
      return kind == .text ? .text : .binary
    }
  }

  private mutating func finishClose() throws(WebSocketViolation) -> WebSocketInput {
    let count = control.count
    guard count != 1 else { throw fail(WebSocketCloseCode.protocolError, "a close code of one byte") }
    var code: UInt16 = 1005
    if count >= 2 {
      code = Self.closeCode(control)
      guard WebSocketCloseCode.isLegal(code) else {
        throw fail(WebSocketCloseCode.protocolError, "a close code that may not be sent")
      }
      guard Self.isReasonUTF8(control) else {
        throw fail(WebSocketCloseCode.invalidPayload, "a close reason that is not UTF-8")
      }
    }
    isClosed = true
    delivered = .close
    return .close(code)
  }

  private static func closeCode(_ control: borrowing ByteWriter) -> UInt16 {
    unsafe UInt16(bigEndian: control.bytes.unsafeLoadUnaligned(as: UInt16.self))
  }

  private static func isReasonUTF8(_ control: borrowing ByteWriter) -> Bool {
    control.bytes.extracting(2...).isUTF8
  }
}
