// The headers of a record: name and value pairs beside key and value, in order, names repeated or not.
//
//   section: count | name length, name | value length, value | ...     All lengths are zig-zag varints; -1 is null.

/// A walk over a section of headers that `RecordCursor.storedHeaders` gave.
package struct RecordHeaders: ~Escapable {
  private var reader: ByteReader
  /// How many headers there are in all.
  package let count: Int
  private var remaining: Int
  /// Of the header that the last `advance()` found.
  package private(set) var name: RawSpan
  /// Empty for null, as `hasValue` tells.
  package private(set) var value: RawSpan
  package private(set) var hasValue = false

  @_lifetime(copy section)
  package init(_ section: RawSpan) throws(CodecError) {
    reader = ByteReader(section)
    name = section.extracting(0..<0)
    value = section.extracting(0..<0)
    let stored = try reader.readVarint()
    // Every header has two bytes at least.
    guard let count = Int(exactly: stored), count >= 0, count <= reader.remaining / 2 else {
      throw .malformed(at: 0, reason: "more headers than the record has room for")
    }
    self.count = count
    remaining = count
  }

  /// Goes to the next header; false behind the last one.
  @_lifetime(self: copy self)
  package mutating func advance() throws(CodecError) -> Bool {
    guard remaining > 0 else { return false }
    remaining -= 1
    name = try part()
    let stored = try reader.readVarint()
    hasValue = stored != -1
    guard let length = Int(exactly: hasValue ? stored : 0) else { throw .truncated(at: reader.position) }
    value = try reader.read(count: length)
    return true
  }

  @_lifetime(copy self)
  @_lifetime(self: copy self)
  private mutating func part() throws(CodecError) -> RawSpan {
    let stored = try reader.readVarint()
    guard let length = Int(exactly: stored) else { throw .truncated(at: reader.position) }
    return try reader.read(count: length)
  }
}
