// JSON text: the output side.

extension ByteWriter {
  /// `text` as a JSON string, quotes included; escapes what must be escaped and nothing else.
  package mutating func append(jsonString text: String) {
    append(jsonString: unsafe text.utf8.span.bytes)
  }

  /// UTF-8 `text` as a JSON string, quotes included.
  package mutating func append(jsonString text: RawSpan) {
    append(UInt8(ascii: "\""))
    var start = 0
    for position in 0..<text.byteCount {
      let byte = unsafe text.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      guard byte < 0x20 || byte == 0x22 || byte == 0x5c else { continue }
      append(unsafe text.extracting(unchecked: start..<position))
      append(jsonEscape: byte)
      start = position + 1
    }
    append(unsafe text.extracting(unchecked: start..<text.byteCount))
    append(UInt8(ascii: "\""))
  }

  private mutating func append(jsonEscape byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case 0x22, 0x5c: append(byte)
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0a: append(UInt8(ascii: "n"))
    case 0x0c: append(UInt8(ascii: "f"))
    case 0x0d: append(UInt8(ascii: "r"))
    default:
      append(utf8: "u00")
      append(hexDigit: byte >> 4)
      append(hexDigit: byte & 15)
    }
  }

  private mutating func append(hexDigit value: UInt8) { append(value < 10 ? value + 48 : value + 87) }

  // MARK: Objects and arrays

  /// A comma between the members of an object and the elements of an array: due wherever no bracket and no colon stands
  /// right before.
  private mutating func separate() {
    guard count > 0 else { return }
    switch unsafe bytes.unsafeLoad(fromUncheckedByteOffset: count - 1, as: UInt8.self) {
    case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"), UInt8(ascii: "\n"): break
    default: append(UInt8(ascii: ","))
    }
  }

  package mutating func beginObject() {
    separate()
    append(UInt8(ascii: "{"))
  }

  package mutating func endObject() { append(UInt8(ascii: "}")) }

  package mutating func beginArray() {
    separate()
    append(UInt8(ascii: "["))
  }

  package mutating func endArray() { append(UInt8(ascii: "]")) }

  /// An element that is a text.
  package mutating func element(_ text: String) {
    separate()
    append(jsonString: text)
  }

  /// A member's name; its value is what is written next. The name needs no escape.
  package mutating func field(_ name: StaticString) {
    separate()
    append(UInt8(ascii: "\""))
    append(utf8: name)
    append(utf8: "\":")
  }

  /// The same for a name that is not written in the source.
  package mutating func field(named name: String) {
    element(name)
    append(UInt8(ascii: ":"))
  }

  package mutating func field(_ name: StaticString, _ text: String?) {
    field(name)
    if let text { append(jsonString: text) } else { append(utf8: "null") }
  }

  package mutating func field(_ name: StaticString, _ integer: Int64?) {
    field(name)
    if let integer { append(integer: integer) } else { append(utf8: "null") }
  }

  package mutating func field(_ name: StaticString, _ integer: Int) { field(name, Int64(integer)) }

  package mutating func field(_ name: StaticString, _ flag: Bool) {
    field(name)
    append(utf8: flag ? "true" : "false")
  }

  // MARK: Text

  /// A Unicode scalar in UTF-8. `scalar` is one: no surrogate, at most U+10FFFF.
  package mutating func append(scalar: UInt32) {
    switch scalar {
    case 0..<0x80: append(UInt8(truncatingIfNeeded: scalar))
    case 0x80..<0x800: append(UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6))
    case 0x800..<0x10000:
      append(UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12))
      append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3f))
    default:
      append(UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18))
      append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3f))
      append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3f))
    }
    if scalar >= 0x80 { append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3f)) }
  }
}
