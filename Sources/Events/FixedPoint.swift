// Prices and quantities: integers at scale 18, so that no event, state or hash ever sees a binary fraction.

import Codecs

/// A decimal number stored as an integer of 10^-18 units; on the wire Avro `decimal(38,18)`.
@usableFromInline package protocol FixedPoint: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible
{
  /// The value times 10^18.
  var raw: Int128 { get }
  init(raw: Int128)
}

extension FixedPoint {
  /// Digits after the decimal point.
  @inlinable package static var scale: Int { 18 }
  @inlinable package static var zero: Self { Self(raw: 0) }
  @inlinable package static func < (left: Self, right: Self) -> Bool { left.raw < right.raw }

  /// The exact digits, with no exponent and no trailing zeros.
  @usableFromInline package var description: String {
    var text = ByteWriter(capacity: 48)
    text.append(decimal: raw, scale: Self.scale)
    return String(utf8: text.bytes)
  }
}

/// The price of one unit of an instrument's base, in its quote currency.
@usableFromInline package struct Price: FixedPoint {
  @usableFromInline package var raw: Int128
  @inlinable @inline(__always) package init(raw: Int128) { self.raw = raw }
}

/// An amount of an instrument's base that changed hands.
@usableFromInline package struct Quantity: FixedPoint {
  @usableFromInline package var raw: Int128
  @inlinable @inline(__always) package init(raw: Int128) { self.raw = raw }
}
