// The fields that matter of a JSON object whose other fields do not, in whatever order they come.

import Codecs

/// The fields of one kind of object: `names[rawValue]` is the key, of at most 16 bytes, and there are at most 16.
protocol JSONFieldName: RawRepresentable, Sendable where RawValue == Int {
  static var names: [PackedKey] { get }
}

/// A short key as three words, so that comparing is not a loop.
struct PackedKey: Equatable, Sendable, ExpressibleByStringLiteral {
  let count: Int
  let head: UInt64
  let tail: UInt64

  /// Equal to no literal.
  static let unknown = PackedKey(count: -1, head: 0, tail: 0)

  init(stringLiteral text: String) {
    let key = Self(unsafe text.utf8.span.bytes)
    assert(key != nil, "a key of more than 16 bytes")
    self = key ?? .unknown
  }

  private init(count: Int, head: UInt64, tail: UInt64) {
    self.count = count
    self.head = head
    self.tail = tail
  }

  /// Nil for more than 16 bytes, which no known key has.
  @inline(__always) init?(_ text: RawSpan) {
    count = text.byteCount
    guard count <= 16 else { return nil }
    if count >= 8 {
      // The two words overlap; with the count they still tell all keys apart.
      head = unsafe text.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: UInt64.self)
      tail = unsafe text.unsafeLoadUnaligned(fromUncheckedByteOffset: count &- 8, as: UInt64.self)
    } else {
      var word: UInt64 = 0
      for index in 0..<count {
        word = word << 8 | UInt64(unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
      }
      head = word
      tail = 0
    }
  }
}

/// Where a value lies in its frame. Small, since every object is sixteen of them.
struct JSONItem: Sendable {
  /// The value's first token; nil where there is no value.
  private(set) var token: JSONToken?
  /// The range is one of the unescaped text: the string was written with escapes.
  private(set) var isUnescaped = false
  private var storedStart: UInt32 = 0
  private var storedCount: UInt32 = 0

  init() {}

  /// The offset of a string's content, a number's text, or a whole container.
  var start: Int { Int(storedStart) }
  var count: Int { Int(storedCount) }
  var range: Range<Int> { start..<start &+ count }

  /// Reads on to the end of the value that began with `token`, the scanner's last.
  @_lifetime(scanner: copy scanner)
  @inline(__always)
  init(_ token: JSONToken, of scanner: inout JSONScanner, unescaped: inout [UInt8]) throws(CodecError) {
    self.token = token
    switch token {
    case .objectStart, .arrayStart:
      let start = scanner.position - 1
      let depth = scanner.depth
      while scanner.depth >= depth { _ = try scanner.next() }
      try set(start, scanner.position - start)
    case .string where scanner.hasEscapes, .key where scanner.hasEscapes:
      isUnescaped = true
      let start = unescaped.count
      unescaped.append(contentsOf: [UInt8](scanner.text))
      try set(start, unescaped.count - start)
    case .string, .key, .number:
      let range = scanner.bytes.byteOffsets(of: scanner.rawText) ?? 0..<0
      try set(range.lowerBound, range.count)
    default: try set(scanner.position, 0)
    }
  }

  private mutating func set(_ start: Int, _ count: Int) throws(CodecError) {
    guard let start = UInt32(exactly: start), let count = UInt32(exactly: count) else {
      throw .tooLarge(at: start, reason: "a text of more than 4 GiB")
    }
    storedStart = start
    storedCount = count
  }
}

/// One JSON object, scanned once: where the fields named by `Name` lie. Of a key that comes twice the last one counts.
struct JSONFields<Name: JSONFieldName>: ~Escapable {
  /// What all offsets are relative to.
  let bytes: RawSpan
  /// The offset of `bytes` in the frame, for errors.
  let base: Int
  private var items = InlineArray<16, JSONItem>(repeating: JSONItem())
  private var unescaped: [UInt8] = []
  /// The first key that is not among the names.
  private(set) var unknown: JSONItem?
  /// The first key that came twice.
  private(set) var repeated: Name?

  /// Reads an object that is all of `bytes`.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, base: Int = 0) throws(FrameRejection) {
    self.bytes = bytes
    self.base = base
    var scanner = JSONScanner(bytes)
    do throws(CodecError) {
      guard try scanner.next() == .objectStart else { throw CodecError.malformed(at: 0, reason: "not a JSON object") }
      try read(&scanner)
      _ = try scanner.next()
    } catch { throw FrameRejection(error, base: base) }
  }

  /// Reads the rest of an object that begins with the last token of `scanner`, which scans `bytes`.
  @_lifetime(copy bytes)
  @_lifetime(scanner: copy scanner)
  init(_ scanner: inout JSONScanner, in bytes: RawSpan, base: Int) throws(FrameRejection) {
    self.bytes = bytes
    self.base = base
    do throws(CodecError) { try read(&scanner) } catch { throw FrameRejection(error, base: base) }
  }

  @_lifetime(self: copy self)
  @_lifetime(scanner: copy scanner)
  private mutating func read(_ scanner: inout JSONScanner) throws(CodecError) {
    while try scanner.next() == .key {
      var index = -1
      if let key = PackedKey(scanner.text), let found = Name.names.firstIndex(of: key) { index = found }
      if index < 0, unknown == nil { unknown = try JSONItem(.key, of: &scanner, unescaped: &unescaped) }
      let item = try JSONItem(try scanner.next(), of: &scanner, unescaped: &unescaped)
      guard index >= 0 else { continue }
      if items[index].token != nil, repeated == nil { repeated = Name(rawValue: index) }
      items[index] = item
    }
  }

  subscript(_ name: Name) -> JSONItem { items[name.rawValue] }

  /// Whether the field is there and not null.
  func has(_ name: Name) -> Bool {
    let token = items[name.rawValue].token
    return token != nil && token != .null
  }

  /// The field's content: of a string with its escapes resolved, of a number or container as it stands. Empty where
  /// there is none.
  @inline(__always)
  func withText<Result, E: Error>(_ name: Name, _ body: (RawSpan) throws(E) -> Result) throws(E) -> Result {
    try withText(of: items[name.rawValue], body)
  }

  @inline(__always)
  func withText<Result, E: Error>(of item: JSONItem, _ body: (RawSpan) throws(E) -> Result) throws(E) -> Result {
    if item.isUnescaped {
      return try body(unsafe unescaped.span.bytes.extracting(item.range))
    }
    return try body(unsafe bytes.extracting(unchecked: item.range))
  }
}
