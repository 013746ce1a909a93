// Decimal text <-> integers at a fixed scale, without a binary fraction in between.

/// Lossless conversion between the JSON number grammar (RFC 8259, section 6) and fixed-point integers.
package enum DecimalText {
  /// The number times 10^`scale`. Throws `.malformed` for what is no JSON number, and `.tooLarge` for a number that
  /// needs more than `scale` digits after the point or more than 38 digits in all: nothing is ever rounded.
  /// `scale` is 0 to 38.
  package static func parse(_ text: RawSpan, scale: Int) throws(CodecError) -> Int128 {
    var scan = DecimalScan(text)
    let isNegative = scan.skip(UInt8(ascii: "-"))
    try scan.readInteger()
    try scan.readFraction()
    try scan.readExponent()
    guard scan.position == text.byteCount else {
      throw .malformed(at: scan.position, reason: "a byte that does not belong to a number")
    }
    let magnitude = try scan.scaled(to: scale)
    return isNegative ? -magnitude : magnitude
  }

  /// 10^0 to 10^38: all powers that an Int128 holds.
  @usableFromInline static let powers: [UInt128] = {
    var powers: [UInt128] = [1]
    for index in 0..<38 { powers.append(powers[index] * 10) }
    return powers
  }()
}

/// A number as it is scanned: `significand` x 10^`exponent`, with the trailing zeros of the digits set aside.
private struct DecimalScan: ~Escapable {
  let text: RawSpan
  var position = 0
  private var small: UInt64 = 0
  private var large: UInt128 = 0
  private var digits = 0
  private var pendingZeros = 0
  private var exponent = 0
  /// The first digit that would not fit; an error only if the number is not lost otherwise.
  private var overflowAt = -1

  @_lifetime(copy text)
  init(_ text: RawSpan) { self.text = text }

  private func byte(_ position: Int) -> UInt8? {
    guard position < text.byteCount else { return nil }
    return unsafe text.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
  }

  @_lifetime(self: copy self)
  mutating func skip(_ wanted: UInt8) -> Bool {
    guard byte(position) == wanted else { return false }
    position += 1
    return true
  }

  @_lifetime(self: copy self)
  mutating func readInteger() throws(CodecError) {
    if skip(UInt8(ascii: "0")) {
      if let next = byte(position), next &- 48 < 10 {
        throw .malformed(at: position, reason: "a number with a leading zero")
      }
      return
    }
    try readDigits(exponentStep: 0)
  }

  @_lifetime(self: copy self)
  mutating func readFraction() throws(CodecError) {
    if skip(UInt8(ascii: ".")) { try readDigits(exponentStep: -1) }
  }

  /// One digit or more. Trailing zeros wait until a digit follows, so that `1.500` needs one place, not three.
  @_lifetime(self: copy self)
  private mutating func readDigits(exponentStep: Int) throws(CodecError) {
    let start = position
    while let next = byte(position), next &- 48 < 10 {
      if next == 48 {
        pendingZeros += 1
      } else {
        push(next &- 48)
      }
      exponent += exponentStep
      position += 1
    }
    guard position > start else {
      throw byte(position) == nil
        ? .truncated(at: position) : .malformed(at: position, reason: "a number without a digit where one must be")
    }
  }

  private mutating func push(_ digit: UInt8) {
    let zeros = digits == 0 ? 0 : pendingZeros
    pendingZeros = 0
    digits += zeros + 1
    if digits <= 19 {
      for _ in 0..<zeros { small &*= 10 }
      small = small &* 10 &+ UInt64(digit)
      large = UInt128(small)
    } else if digits <= CodecLimits.decimalDigitsMax {
      large = large &* DecimalText.powers[zeros + 1] &+ UInt128(digit)
    } else if overflowAt < 0 {
      overflowAt = position
    }
  }

  @_lifetime(self: copy self)
  mutating func readExponent() throws(CodecError) {
    guard let marker = byte(position), marker | 0x20 == UInt8(ascii: "e") else { return }
    position += 1
    let isNegative = byte(position) == UInt8(ascii: "-")
    if isNegative || byte(position) == UInt8(ascii: "+") { position += 1 }
    let start = position
    var value = 0
    while let next = byte(position), next &- 48 < 10 {
      // Beyond any power that fits, but far from overflow: all larger ones are refused alike.
      if value < 1 << 40 { value = value * 10 + Int(next &- 48) }
      position += 1
    }
    guard position > start else {
      throw byte(position) == nil
        ? .truncated(at: position) : .malformed(at: position, reason: "an exponent without a digit")
    }
    exponent += isNegative ? -value : value
  }

  func scaled(to scale: Int) throws(CodecError) -> Int128 {
    if digits == 0 { return 0 }
    guard overflowAt < 0 else { throw .tooLarge(at: overflowAt, reason: "a number of more than 38 digits") }
    let power = scale + exponent + pendingZeros
    guard power >= 0 else { throw .tooLarge(at: 0, reason: "more than \(scale) digits after the decimal point") }
    guard digits + power <= CodecLimits.decimalDigitsMax else {
      throw .tooLarge(at: 0, reason: "a number of more than \(CodecLimits.decimalDigitsMax - scale) integer digits")
    }
    return Int128(large &* DecimalText.powers[power])
  }
}
