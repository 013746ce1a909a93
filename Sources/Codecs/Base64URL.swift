// Base64 with the URL-safe alphabet and without padding (RFC 4648, section 5): resume tokens.

package enum Base64URL {
  /// The bytes of `text`. Throws for a byte outside the alphabet, a length that cannot be, and spare bits that are set:
  /// every value has one text.
  package static func decode(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    guard text.byteCount % 4 != 1 else { throw .malformed(at: text.byteCount, reason: "a length that cannot be") }
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for position in 0..<text.byteCount {
      let letter = unsafe text.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      guard let value = value(of: letter) else {
        throw .malformed(at: position, reason: "a byte outside the base64url alphabet")
      }
      bits = bits << 6 | value
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        bits &= (1 << bitCount) - 1
      }
    }
    guard bits == 0 else { throw .malformed(at: text.byteCount - 1, reason: "spare bits that are set") }
  }

  private static func value(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter) + 4
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    default: nil
    }
  }
}

extension ByteWriter {
  /// `span` in base64url, without padding.
  package mutating func append(base64URL span: RawSpan) {
    append(base64: span, last: (UInt8(ascii: "-"), UInt8(ascii: "_")), isPadded: false)
  }

  /// `span` in standard base64 with padding, as the WebSocket handshake has it.
  package mutating func append(base64 span: RawSpan) {
    append(base64: span, last: (UInt8(ascii: "+"), UInt8(ascii: "/")), isPadded: true)
  }

  private mutating func append(base64 span: RawSpan, last: (UInt8, UInt8), isPadded: Bool) {
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
          append(Self.letter(UInt8(truncatingIfNeeded: bits >> UInt32(18 - 6 * index)) & 63, last))
        } else if isPadded {
          append(UInt8(ascii: "="))
        }
      }
      position += count
    }
  }

  private static func letter(_ value: UInt8, _ last: (UInt8, UInt8)) -> UInt8 {
    switch value {
    case 0..<26: value + 65
    case 26..<52: value + 71
    case 52..<62: value - 4
    case 62: last.0
    default: last.1
    }
  }
}
