// WebSocket frames (RFC 6455, section 5.2): the server's output side.

/// What a frame carries. The raw values are those of the wire.
package enum WebSocketOpcode: UInt8, Sendable, CaseIterable {
  case continuation = 0
  case text = 1
  case binary = 2
  case close = 8
  case ping = 9
  case pong = 10

  package var isControl: Bool { rawValue >= 8 }
}

/// The close codes that Millrace sends (RFC 6455, section 7.4.1; 4000 and above are the edge's own).
package enum WebSocketCloseCode {
  package static let normal: UInt16 = 1000
  package static let goingAway: UInt16 = 1001
  package static let protocolError: UInt16 = 1002
  package static let unsupportedData: UInt16 = 1003
  package static let invalidPayload: UInt16 = 1007
  package static let policyViolation: UInt16 = 1008
  package static let messageTooBig: UInt16 = 1009
  package static let internalError: UInt16 = 1011
  package static let tryAgainLater: UInt16 = 1013

  /// Whether a peer may send `code`: defined for the wire, or of the ranges for libraries and applications.
  package static func isLegal(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

extension ByteWriter {
  /// The header of an unmasked frame, as servers send it, for a payload of `payloadCount` bytes: 2, 4 or 10 bytes.
  package mutating func append(webSocketHeader opcode: WebSocketOpcode, payloadCount: Int, isFinal: Bool = true) {
    append(opcode.rawValue | (isFinal ? 0x80 : 0))
    if payloadCount < 126 {
      append(UInt8(payloadCount))
    } else if payloadCount < 1 << 16 {
      append(UInt8(126))
      append(bigEndian: UInt16(payloadCount))
    } else {
      append(UInt8(127))
      append(bigEndian: UInt64(payloadCount))
    }
  }

  /// A whole unmasked frame.
  package mutating func append(webSocketFrame opcode: WebSocketOpcode, payload: RawSpan) {
    append(webSocketHeader: opcode, payloadCount: payload.byteCount)
    append(payload)
  }

  /// A close frame; a `reason` beyond the 123 bytes that fit is cut at a character.
  package mutating func append(webSocketClose code: UInt16, reason: String) {
    var text = reason
    while text.utf8.count > 123 { text.removeLast() }
    append(webSocketHeader: .close, payloadCount: 2 + text.utf8.count)
    append(bigEndian: code)
    append(utf8: text)
  }
}
