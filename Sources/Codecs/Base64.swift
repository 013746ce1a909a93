// Base64 with the standard alphabet and padding (RFC 4648, section 4): bytes in NDJSON.

package enum Base64 {
  /// The bytes of `text`, whose length must be a multiple of four. Throws for everything that
  /// `ByteWriter.append(base64:)` does not write: every value has one text.
  package static func decode(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    guard text.byteCount % 4 == 0 else { throw .malformed(at: text.byteCount, reason: "a length that cannot be") }
    var end = text.byteCount
    while end > 0, text.byteCount - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for position in 0..<end {
      guard let value = value(of: text[position]) else {
        throw .malformed(at: position, reason: "a byte outside the base64 alphabet")
      }
      bits = bits << 6 | value
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        output.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        bits &= (1 << bitCount) - 1
      }
    }
    guard bits == 0 else { throw .malformed(at: end - 1, reason: "spare bits that are set") }
  }

  private static func value(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter) + 4
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

extension RawSpan {
  fileprivate subscript(_ index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }
}
