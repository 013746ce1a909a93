// Fixed-point integers as decimal text.

extension ByteWriter {
  /// The canonical text of `decimal` x 10^-`scale`: no exponent, no trailing zeros, no sign on zero.
  /// `scale` is 0 to 38.
  package mutating func append(decimal: Int128, scale: Int) {
    precondition(scale >= 0 && scale <= CodecLimits.decimalDigitsMax)
    if decimal < 0 { append(UInt8(ascii: "-")) }
    let (integer, fraction) = decimal.magnitude.quotientAndRemainder(dividingBy: DecimalText.powers[scale])
    append(digits: integer)
    if fraction != 0 {
      append(UInt8(ascii: "."))
      append(fraction: fraction, places: scale)
    }
  }

  /// The decimal digits of `value`, without a leading zero.
  package mutating func append(integer value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(digits: value.magnitude)
  }

  private mutating func append(digits value: UInt128) {
    if let small = UInt64(exactly: value) { return append(digits: small) }
    let (high, low) = value.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
    append(digits: high)
    append(digits: UInt64(low), places: 19)
  }

  private mutating func append(digits value: UInt64) {
    var places = 1
    var bound: UInt64 = 10
    while places < 20, value >= bound {
      places += 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    append(digits: value, places: places)
  }

  /// `value` in exactly `places` digits, zeros in front.
  private mutating func append(digits value: UInt64, places: Int) {
    reserve(places)
    var rest = value
    var index = storedCount + places - 1
    while index >= storedCount {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: digit) &+ 48, toByteOffset: index, as: UInt8.self)
      rest = quotient
      index -= 1
    }
    storedCount += places
  }

  private mutating func append(fraction: UInt128, places: Int) {
    if places > 19 {
      let (high, low) = fraction.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
      append(digits: UInt64(high), places: places - 19)
      append(digits: UInt64(low), places: 19)
    } else {
      append(digits: UInt64(fraction), places: places)
    }
    // The fraction is not zero: this ends at its last digit that counts.
    while unsafe base.load(fromByteOffset: count - 1, as: UInt8.self) == 48 { truncate(to: count - 1) }
  }
}
