// The elements of a JSON array, each an object with known fields or a small array of scalars.

import Codecs

extension JSONFields {
  /// Maps each element of the array field. Throws where the field is no array of objects; an element for which `body`
  /// throws is skipped alone.
  func forEachObject<Inner: JSONFieldName>(
    _ name: Name, as inner: Inner.Type, into output: inout MappedFrame,
    _ body: (borrowing JSONFields<Inner>, inout MappedFrame) throws(FrameRejection) -> Void
  ) throws(FrameRejection) {
    let item = self[name]
    guard item.token == .arrayStart else { throw rejection(name, "not an array") }
    try JSONArray.forEachObject(
      bytes.extracting(item.range), base: base + item.start, as: inner, into: &output, body)
  }

  /// The object field's own fields.
  @_lifetime(copy self)
  func object<Inner: JSONFieldName>(_ name: Name, as inner: Inner.Type) throws(FrameRejection) -> JSONFields<Inner> {
    let item = self[name]
    guard item.token == .objectStart else { throw rejection(name, "not an object") }
    return try JSONFields<Inner>(bytes.extracting(item.range), base: base + item.start)
  }
}

enum JSONArray {
  /// Maps each element of the array that is all of `bytes`.
  static func forEachObject<Inner: JSONFieldName>(
    _ bytes: RawSpan, base: Int, as inner: Inner.Type, into output: inout MappedFrame,
    _ body: (borrowing JSONFields<Inner>, inout MappedFrame) throws(FrameRejection) -> Void
  ) throws(FrameRejection) {
    var scanner = JSONScanner(bytes)
    _ = try scanner.token(base)
    while true {
      let token = try scanner.token(base)
      if token == .arrayEnd { break }
      guard token == .objectStart else {
        throw FrameRejection(reason: "an element that is no object", byteOffset: base + scanner.position - 1)
      }
      let fields = try JSONFields<Inner>(&scanner, in: bytes, base: base)
      let before = output.ticks.count
      do throws(FrameRejection) { try body(fields, &output) } catch { output.skip(error, backTo: before) }
    }
    _ = try scanner.token(base)
  }
}

extension JSONScanner {
  /// As `next()`, with the frame's kind of error; `base` is the offset of the scanned bytes in the frame.
  @_lifetime(self: copy self)
  mutating func token(_ base: Int) throws(FrameRejection) -> JSONToken {
    do { return try next() } catch { throw FrameRejection(error, base: base) }
  }
}
