// Base64 with the standard alphabet and padding (RFC 4648, section 4): bytes in NDJSON.

package enum Base64 {
  /// The bytes of `text`, whose length must be a multiple of four. Throws for everything that
  /// `ByteWriter.append(base64:)` does not write: every value has one text.
  package static func decode(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    guard text.byteCount % 4 == 0 else { throw .malformed(at: text.byteCount, reason: "a length that cannot be") }
    var end = text.byteCount
    while end > 0, text.byteCount - end < 2,
      unsafe text.unsafeLoad(fromUncheckedByteOffset: end - 1, as: UInt8.self) == UInt8(ascii: "=")
    {
      end -= 1
    }
    try Base64Alphabet.standard.decode(text.extracting(0..<end), into: &output)
  }
}
