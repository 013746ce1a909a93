// Instruments: the keys of the price topics.

package enum Instrument {
  /// Keys are short; the longest real ones name dated derivatives.
  package static let bytesMax = 64

  /// `BASE/QUOTE` of capital letters, digits and `-._`, with exactly one slash and neither side empty.
  package static func isValid(_ name: String) -> Bool {
    var slashes = 0
    var sideCount = 0
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "_"):
        sideCount += 1
      case UInt8(ascii: "/"):
        guard sideCount > 0 else { return false }
        slashes += 1
        sideCount = 0
      default: return false
      }
    }
    return slashes == 1 && sideCount > 0 && name.utf8.count <= bytesMax
  }
}
