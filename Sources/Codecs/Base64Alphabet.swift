// What the two forms of base64 (RFC 4648, sections 4 and 5) share: six bits a letter.

/// An alphabet: the two forms differ in the letters of 62 and 63.
struct Base64Alphabet {
  static let standard = Base64Alphabet(name: "base64", last: (UInt8(ascii: "+"), UInt8(ascii: "/")))
  static let urlSafe = Base64Alphabet(name: "base64url", last: (UInt8(ascii: "-"), UInt8(ascii: "_")))

  private let name: String
  private let last: (UInt8, UInt8)

  /// The bytes of `text`, which is without padding. Throws for a byte outside the alphabet, and for spare bits that are
  /// set: every value has one text.
  func decode(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for position in 0..<text.byteCount {
      let letter = unsafe text.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      guard let value = value(of: letter) else {
        throw .malformed(at: position, reason: "a byte outside the \(name) alphabet")
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

  private func value(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter) + 4
    case last.0: 62
    case last.1: 63
    default: nil
    }
  }

  func letter(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: value + 65
    case 26..<52: value + 71
    case 52..<62: value - 4
    case 62: last.0
    default: last.1
    }
  }
}
