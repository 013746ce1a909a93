// Exact arithmetic beyond 128 bits, and the one place where a price is ever rounded.

/// An unsigned 256-bit integer: what a sum of products of two decimals needs, and no more than that.
package struct UInt256: Hashable, Sendable, BitwiseCopyable {
  package var low: UInt128
  package var high: UInt128

  @inlinable @inline(__always) package init(low: UInt128 = 0, high: UInt128 = 0) {
    self.low = low
    self.high = high
  }

  /// The exact product of two 128-bit integers.
  @inlinable @inline(__always) package init(product left: UInt128, _ right: UInt128) {
    let (leftHigh, leftLow) = (UInt64(truncatingIfNeeded: left >> 64), UInt64(truncatingIfNeeded: left))
    let (rightHigh, rightLow) = (UInt64(truncatingIfNeeded: right >> 64), UInt64(truncatingIfNeeded: right))
    let bottom = Self.product(leftLow, rightLow)
    let crossed = Self.product(leftHigh, rightLow)
    let crossing = Self.product(leftLow, rightHigh)
    let top = Self.product(leftHigh, rightHigh)
    // Three terms below 2^64 each: their sum fits.
    let middle = (bottom >> 64) &+ (crossed & 0xffff_ffff_ffff_ffff) &+ (crossing & 0xffff_ffff_ffff_ffff)
    low = (bottom & 0xffff_ffff_ffff_ffff) | (middle << 64)
    high = top &+ (crossed >> 64) &+ (crossing >> 64) &+ (middle >> 64)
  }

  @inlinable @inline(__always) static func product(_ left: UInt64, _ right: UInt64) -> UInt128 {
    UInt128(left) &* UInt128(right)
  }

  /// Adds `other`. The callers' bounds keep every sum below 2^256; see `FoldLimits`.
  @inlinable @inline(__always) package mutating func add(_ other: UInt256) {
    let (sum, carry) = low.addingReportingOverflow(other.low)
    low = sum
    high = high &+ other.high &+ (carry ? 1 : 0)
  }

  /// The quotient rounded to the nearest integer, ties to the even one; nil when `divisor` is zero or the quotient
  /// needs more than 128 bits.
  @inlinable package func dividedHalfEven(by divisor: UInt128) -> UInt128? {
    guard high < divisor else { return nil }
    let (quotient, remainder) = divided(by: divisor)
    // 2 * remainder > divisor without the overflow of the doubling.
    let rest = divisor &- remainder
    let isUp = remainder > rest || (remainder == rest && quotient & 1 == 1)
    if !isUp { return quotient }
    let (rounded, overflow) = quotient.addingReportingOverflow(1)
    return overflow ? nil : rounded
  }

  /// Long division in digits of 64 bits (Knuth, The Art of Computer Programming 4.3.1, algorithm D). The caller has
  /// checked that `high < divisor`, so that the quotient fits and no digit's division overflows.
  @inlinable func divided(by divisor: UInt128) -> (quotient: UInt128, remainder: UInt128) {
    if high == 0, low < divisor { return (0, low) }
    let divisorHigh = UInt64(truncatingIfNeeded: divisor >> 64)
    if divisorHigh == 0 {
      return divided(byDigit: UInt64(truncatingIfNeeded: divisor))
    }
    // Normalised so that the divisor's top bit is set; a quotient digit's estimate is then at most two too large.
    let shift = UInt128(divisorHigh.leadingZeroBitCount)
    let scaled = divisor << shift
    var rest = shift == 0 ? high : (high << shift) | (low >> (128 - shift))
    let digits = low << shift
    let first = Self.digit(&rest, bringingDown: UInt64(truncatingIfNeeded: digits >> 64), divisor: scaled)
    let second = Self.digit(&rest, bringingDown: UInt64(truncatingIfNeeded: digits), divisor: scaled)
    return (UInt128(first) << 64 | UInt128(second), rest >> shift)
  }

  /// Here `high < divisor < 2^64`, so the top digit of the dividend is zero.
  @inlinable @inline(__always)
  func divided(byDigit divisor: UInt64) -> (quotient: UInt128, remainder: UInt128) {
    let top = UInt64(truncatingIfNeeded: high)
    let first = divisor.dividingFullWidth((top, UInt64(truncatingIfNeeded: low >> 64)))
    let second = divisor.dividingFullWidth((first.remainder, UInt64(truncatingIfNeeded: low)))
    return (UInt128(first.quotient) << 64 | UInt128(second.quotient), UInt128(second.remainder))
  }

  /// One digit of the quotient of (`rest`, `next`) by a normalised `divisor` above `rest`; leaves the remainder.
  @inlinable @inline(__always)
  static func digit(_ rest: inout UInt128, bringingDown next: UInt64, divisor: UInt128) -> UInt64 {
    let divisorHigh = UInt64(truncatingIfNeeded: divisor >> 64)
    let divisorLow = UInt64(truncatingIfNeeded: divisor)
    let restHigh = UInt64(truncatingIfNeeded: rest >> 64)
    let restLow = UInt64(truncatingIfNeeded: rest)
    var quotient = UInt64.max
    if restHigh < divisorHigh {
      quotient = divisorHigh.dividingFullWidth((restHigh, restLow)).quotient
    }
    // Everything below is modulo 2^128: the true remainder is less than the divisor, so nothing is lost.
    var remainder =
      (rest << 64 | UInt128(next)) &- (product(quotient, divisorHigh) << 64) &- product(quotient, divisorLow)
    var borrow = exceeds(quotient, divisor: divisor, rest: rest, next: next)
    while borrow {
      quotient &-= 1
      remainder = remainder &+ divisor
      borrow = exceeds(quotient, divisor: divisor, rest: rest, next: next)
    }
    rest = remainder
    return quotient
  }

  /// Whether `quotient * divisor` is more than the three digits (`rest`, `next`).
  @inlinable @inline(__always)
  static func exceeds(_ quotient: UInt64, divisor: UInt128, rest: UInt128, next: UInt64) -> Bool {
    let bottom = product(quotient, UInt64(truncatingIfNeeded: divisor))
    let top = product(quotient, UInt64(truncatingIfNeeded: divisor >> 64)) &+ (bottom >> 64)
    if top != rest { return top > rest }
    return UInt64(truncatingIfNeeded: bottom) > next
  }
}
