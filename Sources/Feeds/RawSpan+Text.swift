// Moving through text that is not parsed yet.

import Codecs

extension RawSpan {
  /// The byte at `index`, or 0 behind the end.
  @inline(__always) func byte(_ index: Int) -> UInt8 {
    index < byteCount ? unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self) : 0
  }

  /// The offset of the next newline at or after `start`, or the end.
  func firstNewline(from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var index = start
    while byteCount &- index >= 8 {
      let word = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self).littleEndian
      let newlines = word ^ (ones &* 0x0a)
      let hits = (newlines &- ones) & ~newlines & (ones &* 0x80)
      if hits != 0 { return index &+ hits.trailingZeroBitCount >> 3 }
      index &+= 8
    }
    while index < byteCount, byte(index) != 0x0a { index &+= 1 }
    return index
  }

  /// The offset of the first byte at or after `start` that is no white space, or the end.
  func skippingSpace(from start: Int) -> Int {
    var index = start
    while index < byteCount {
      switch byte(index) {
      case 0x20, 0x09, 0x0a, 0x0d: index += 1
      default: return index
      }
    }
    return byteCount
  }

  var isBlank: Bool { skippingSpace(from: 0) == byteCount }

  /// Where the array element that begins at `start` ends, though it does not parse: behind its last bracket, or before
  /// the next comma. Nil where its brackets or quotes do not close.
  func endOfBrokenElement(from start: Int) -> Int? {
    var depth = 0
    var isInString = false
    var index = start
    while index < byteCount {
      let byte = byte(index)
      if isInString {
        if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isInString = false }
      } else {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if depth == 0 { return index }
          depth -= 1
          if depth == 0 { return index + 1 }
        case UInt8(ascii: ",") where depth == 0: return index
        default: break
        }
      }
      index += 1
    }
    return nil
  }
}
