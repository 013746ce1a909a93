// Base64 with the URL-safe alphabet and without padding (RFC 4648, section 5): resume tokens.

package enum Base64URL {
  /// The bytes of `text`. Throws for a byte outside the alphabet, a length that cannot be, and spare bits that are set:
  /// every value has one text.
  package static func decode(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    guard text.byteCount % 4 != 1 else { throw .malformed(at: text.byteCount, reason: "a length that cannot be") }
    try Base64Alphabet.urlSafe.decode(text, into: &output)
  }
}

extension ByteWriter {
  /// `span` in base64url, without padding.
  package mutating func append(base64URL span: RawSpan) {
    append(base64: span, .urlSafe, isPadded: false)
  }

  /// `span` in standard base64 with padding, as the WebSocket handshake has it.
  package mutating func append(base64 span: RawSpan) {
    append(base64: span, .standard, isPadded: true)
  }

  private mutating func append(base64 span: RawSpan, _ alphabet: Base64Alphabet, isPadded: Bool) {
    var position = 0
    while position < span.byteCount {
      let count = min(3, span.byteCount - position)
      var bits: UInt32 = 0
      for index in 0..<3 {
        let byte =
          index < count
          ? unsafe span.unsafeLoad(fromUncheckedByteOffset: position + index, as: UInt8.self) : 0
        bits = bits << 8 | UInt32(byte)
      }
      for index in 0..<4 {
        if index <= count {
          append(alphabet.letter(UInt8(truncatingIfNeeded: bits >> UInt32(18 - 6 * index)) & 63))
        } else if isPadded {
          append(UInt8(ascii: "="))
        }
      }
      position += count
    }
  }
}
