// Whether bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.

/// The states of a byte-at-a-time check, so that text may arrive in pieces.
package struct UTF8Check: Sendable {
  /// Continuation bytes that the current character still needs.
  private var missing = 0
  /// The range of the next continuation byte, which is narrower after E0, ED, F0 and F4.
  private var lowest: UInt8 = 0x80
  private var highest: UInt8 = 0xbf

  package init() {}

  /// Whether no character is cut off at the end of what was consumed.
  package var isComplete: Bool { missing == 0 }

  /// Checks one more byte; false at the first that cannot belong.
  package mutating func consume(_ byte: UInt8) -> Bool {
    if missing > 0 {
      guard byte >= lowest, byte <= highest else { return false }
      missing -= 1
      lowest = 0x80
      highest = 0xbf
      return true
    }
    switch byte {
    case 0..<0x80: return true
    case 0xc2...0xdf: missing = 1
    case 0xe0: (missing, lowest) = (2, 0xa0)
    case 0xed: (missing, highest) = (2, 0x9f)
    case 0xe1...0xef: missing = 2
    case 0xf0: (missing, lowest) = (3, 0x90)
    case 0xf1...0xf3: missing = 3
    case 0xf4: (missing, highest) = (3, 0x8f)
    default: return false
    }
    return true
  }

  /// Checks more bytes; false if one cannot belong.
  package mutating func consume(_ bytes: RawSpan) -> Bool {
    var position = 0
    let count = bytes.byteCount
    while position < count {
      if missing == 0, count - position >= 8 {
        let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
        if word & 0x8080_8080_8080_8080 == 0 {
          position += 8
          continue
        }
      }
      guard consume(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)) else { return false }
      position += 1
    }
    return true
  }
}

extension RawSpan {
  /// Whether the bytes are UTF-8 from first to last.
  package var isUTF8: Bool {
    var check = UTF8Check()
    return check.consume(self) && check.isComplete
  }
}
