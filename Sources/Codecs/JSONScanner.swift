// A strict pull scanner for JSON (RFC 8259): no tree, no allocation, exact text of every number.

/// What `JSONScanner.next()` found. Of a key, string or number the scanner's `text` is the content.
package enum JSONToken: Equatable, Sendable {
  case objectStart, objectEnd, arrayStart, arrayEnd, key, string, number, `true`, `false`, null
  /// The one value is complete and nothing but white space follows it.
  case end
}

/// Reads one JSON value, token by token, and refuses every byte that RFC 8259 does not allow: text that is not UTF-8,
/// lone surrogates, a byte order mark, nesting beyond 64. Errors carry the byte offset; after one, stop.
package struct JSONScanner: ~Escapable, ~Copyable {
  package let bytes: RawSpan
  /// The offset of the next byte to be looked at.
  package private(set) var position = 0
  package private(set) var depth = 0
  private var expecting = Expectation.value
  /// One bit per level, the innermost lowest: set for an object.
  private var objects: UInt64 = 0
  private var textStart = 0
  private var textCount = 0
  private var unescaped = ByteWriter(capacity: 0)
  /// Whether the current key or string was written with escapes, so that `rawText` is not its content.
  package private(set) var hasEscapes = false

  private enum Expectation {
    case value, firstElement, firstKey, key, colonDone, commaOrEnd, end
  }

  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan) { self.bytes = bytes }

  /// The content of the current key or string, escapes resolved, or the exact text of the current number.
  package var text: RawSpan {
    @_lifetime(borrow self) get {
      if hasEscapes { return unescaped.bytes }
      return unsafe bytes.extracting(unchecked: textStart..<textStart &+ textCount)
    }
  }

  /// The current key, string or number as it stands in the input, without quotes; lives as long as the input.
  package var rawText: RawSpan {
    @_lifetime(copy self) get { unsafe bytes.extracting(unchecked: textStart..<textStart &+ textCount) }
  }

  /// Whether the current key or string is exactly `word`.
  package func textIs(_ word: StaticString) -> Bool {
    let text = text
    guard text.byteCount == word.utf8CodeUnitCount else { return false }
    for index in 0..<text.byteCount {
      let wanted = unsafe word.utf8Start[index]
      guard unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self) == wanted else { return false }
    }
    return true
  }

  /// The next token. Commas and colons are checked and passed over.
  @_lifetime(self: copy self)
  package mutating func next() throws(CodecError) -> JSONToken {
    skipSpace()
    switch expecting {
    case .end:
      guard position == bytes.byteCount else { throw malformed("a byte after the end of the value") }
      return .end
    case .commaOrEnd:
      if let end = closing() { return end }
      guard peek() == UInt8(ascii: ",") else { throw malformed("neither a comma nor the end of the container") }
      position += 1
      skipSpace()
      if objects & 1 == 1 { return try key() }
    case .firstKey:
      if let end = closing() { return end }
      return try key()
    case .firstElement:
      if let end = closing() { return end }
    case .key: return try key()
    case .value, .colonDone: break
    }
    return try value()
  }

  /// Passes over the value that comes next, checking all of it.
  @_lifetime(self: copy self)
  package mutating func skipValue() throws(CodecError) {
    let outer = depth
    repeat {
      switch try next() {
      case .objectEnd, .arrayEnd, .end:
        if depth < outer { throw malformed("the end where a value must be") }
      default: break
      }
    } while depth > outer || expecting == .colonDone
  }

  private func peek() -> UInt8? {
    guard position < bytes.byteCount else { return nil }
    return byte(position)
  }

  @inline(__always) private func byte(_ position: Int) -> UInt8 {
    unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
  }

  private func malformed(_ reason: String) -> CodecError {
    position < bytes.byteCount ? .malformed(at: position, reason: reason) : .truncated(at: position)
  }

  @_lifetime(self: copy self)
  @inline(__always) private mutating func skipSpace() {
    while position < bytes.byteCount {
      switch byte(position) {
      case 0x20, 0x09, 0x0a, 0x0d: position &+= 1
      default: return
      }
    }
  }

  @_lifetime(self: copy self)
  private mutating func closing() -> JSONToken? {
    let isObject = objects & 1 == 1
    guard depth > 0, peek() == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return nil }
    position += 1
    objects >>= 1
    depth -= 1
    expecting = depth == 0 ? .end : .commaOrEnd
    return isObject ? .objectEnd : .arrayEnd
  }

  @_lifetime(self: copy self)
  private mutating func opening(_ token: JSONToken) throws(CodecError) -> JSONToken {
    guard depth < CodecLimits.jsonDepthMax else {
      throw .tooLarge(at: position, reason: "nesting of more than \(CodecLimits.jsonDepthMax) levels")
    }
    position += 1
    depth += 1
    objects = objects << 1 | (token == .objectStart ? 1 : 0)
    expecting = token == .objectStart ? .firstKey : .firstElement
    return token
  }

  @_lifetime(self: copy self)
  private mutating func key() throws(CodecError) -> JSONToken {
    guard peek() == UInt8(ascii: "\"") else { throw malformed("no key where one must be") }
    try scanString()
    skipSpace()
    guard peek() == UInt8(ascii: ":") else { throw malformed("no colon after a key") }
    position += 1
    expecting = .colonDone
    return .key
  }

  @_lifetime(self: copy self)
  private mutating func value() throws(CodecError) -> JSONToken {
    let token: JSONToken
    switch peek() {
    case UInt8(ascii: "\""):
      try scanString()
      token = .string
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"):
      try scanNumber()
      token = .number
    case UInt8(ascii: "{"): return try opening(.objectStart)
    case UInt8(ascii: "["): return try opening(.arrayStart)
    case UInt8(ascii: "t"): token = try literal("true", .true)
    case UInt8(ascii: "f"): token = try literal("false", .false)
    case UInt8(ascii: "n"): token = try literal("null", .null)
    default: throw malformed("no value where one must be")
    }
    expecting = depth == 0 ? .end : .commaOrEnd
    return token
  }

  @_lifetime(self: copy self)
  private mutating func literal(_ word: StaticString, _ token: JSONToken) throws(CodecError) -> JSONToken {
    for index in 0..<word.utf8CodeUnitCount {
      let wanted = unsafe word.utf8Start[index]
      guard peek() == wanted else { throw malformed("neither true, false nor null") }
      position += 1
    }
    return token
  }

  @_lifetime(self: copy self)
  private mutating func digits() throws(CodecError) {
    let start = position
    while position < bytes.byteCount, byte(position) &- 48 < 10 { position &+= 1 }
    if position == start { throw malformed("a number without a digit where one must be") }
  }

  @_lifetime(self: copy self)
  private mutating func scanNumber() throws(CodecError) {
    textStart = position
    hasEscapes = false
    if peek() == UInt8(ascii: "-") { position += 1 }
    if peek() == UInt8(ascii: "0") {
      position += 1
      if let next = peek(), next &- 48 < 10 { throw malformed("a number with a leading zero") }
    } else {
      try digits()
    }
    if peek() == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if let marker = peek(), marker | 0x20 == UInt8(ascii: "e") {
      position += 1
      if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    textCount = position - textStart
  }

  /// From the opening quote to behind the closing one.
  @_lifetime(self: copy self)
  private mutating func scanString() throws(CodecError) {
    position += 1
    textStart = position
    hasEscapes = false
    while true {
      skipPlain()
      guard let next = peek() else { throw .truncated(at: textStart - 1) }
      switch next {
      case UInt8(ascii: "\""):
        textCount = position - textStart
        position += 1
        return
      case UInt8(ascii: "\\"): return try unescape()
      case 0..<0x20: throw malformed("a control character in a string")
      default: try character()
      }
    }
  }

  /// Passes over ASCII that is neither quote, backslash nor control character, eight bytes at a time.
  @_lifetime(self: copy self)
  @inline(__always) private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    while bytes.byteCount &- position >= 8 {
      let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self).littleEndian
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5c)
      // The classic zero-byte test per lane; a lane that borrows from a true hit below it lies behind that hit.
      let special = (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) | word
      let hits = special & (ones &* 0x80)
      if hits != 0 {
        position &+= hits.trailingZeroBitCount >> 3
        return
      }
      position &+= 8
    }
    while position < bytes.byteCount {
      let next = byte(position)
      if next < 0x20 || next >= 0x80 || next == 0x22 || next == 0x5c { return }
      position &+= 1
    }
  }

  /// One character outside ASCII.
  @_lifetime(self: copy self)
  private mutating func character() throws(CodecError) {
    let start = position
    var check = UTF8Check()
    repeat {
      guard let next = peek() else { throw .truncated(at: start) }
      guard check.consume(next) else { throw .malformed(at: start, reason: "text that is not UTF-8") }
      position += 1
    } while !check.isComplete
  }
}

extension JSONScanner {
  /// The slow way through a string, from its first backslash on: the content goes to a buffer of the scanner's own.
  @_lifetime(self: copy self)
  fileprivate mutating func unescape() throws(CodecError) {
    unescaped.removeAll()
    unescaped.append(unsafe bytes.extracting(unchecked: textStart..<position))
    while true {
      let start = position
      skipPlain()
      guard let next = peek() else { throw .truncated(at: textStart - 1) }
      if next >= 0x80 { try character() }
      unescaped.append(unsafe bytes.extracting(unchecked: start..<position))
      switch next {
      case UInt8(ascii: "\""):
        textCount = position - textStart
        position += 1
        hasEscapes = true
        return
      case UInt8(ascii: "\\"): try escape()
      case 0..<0x20: throw malformed("a control character in a string")
      default: break
      }
    }
  }

  @_lifetime(self: copy self)
  private mutating func escape() throws(CodecError) {
    let start = position
    position += 1
    guard let letter = peek() else { throw .truncated(at: start) }
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unescaped.append(letter)
    case UInt8(ascii: "b"): unescaped.append(UInt8(0x08))
    case UInt8(ascii: "f"): unescaped.append(UInt8(0x0c))
    case UInt8(ascii: "n"): unescaped.append(UInt8(0x0a))
    case UInt8(ascii: "r"): unescaped.append(UInt8(0x0d))
    case UInt8(ascii: "t"): unescaped.append(UInt8(0x09))
    case UInt8(ascii: "u"): unescaped.append(scalar: try unicodeEscape(from: start))
    default: throw .malformed(at: start, reason: "an escape that does not exist")
    }
  }

  /// `\uXXXX`, or two of them for a surrogate pair; a lone surrogate is no character.
  @_lifetime(self: copy self)
  private mutating func unicodeEscape(from start: Int) throws(CodecError) -> UInt32 {
    let first = try hexQuad(from: start)
    guard first & 0xf800 == 0xd800 else { return first }
    guard first < 0xdc00, bytes.byteCount - position >= 6, byte(position) == UInt8(ascii: "\\"),
      byte(position + 1) == UInt8(ascii: "u")
    else { throw .malformed(at: start, reason: "half of a surrogate pair") }
    position += 2
    let second = try hexQuad(from: start)
    guard second & 0xfc00 == 0xdc00 else { throw .malformed(at: start, reason: "half of a surrogate pair") }
    return 0x10000 + (first & 0x3ff) << 10 + second & 0x3ff
  }

  @_lifetime(self: copy self)
  private mutating func hexQuad(from start: Int) throws(CodecError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let letter = peek() else { throw .truncated(at: start) }
      switch letter {
      case 0x30...0x39: value = value << 4 | UInt32(letter - 0x30)
      case 0x41...0x46: value = value << 4 | UInt32(letter - 0x41 + 10)
      case 0x61...0x66: value = value << 4 | UInt32(letter - 0x61 + 10)
      default: throw .malformed(at: start, reason: "a \\u escape without four hexadecimal digits")
      }
      position += 1
    }
    return value
  }
}
