// Moments: nanoseconds since 1970, UTC.

/// A moment in nanoseconds since 1970-01-01T00:00:00Z. The range is 1677 to 2262.
@usableFromInline package struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
  @usableFromInline package var nanos: Int64
  @inlinable @inline(__always) package init(nanos: Int64) { self.nanos = nanos }
  @inlinable package init(millis: Int64) {
    let (nanos, overflow) = millis.multipliedReportingOverflow(by: 1_000_000)
    self.nanos = overflow ? (millis < 0 ? .min : .max) : nanos
  }
  /// Milliseconds since 1970, rounded towards the past.
  @inlinable package var millis: Int64 {
    let quotient = nanos / 1_000_000
    return nanos % 1_000_000 < 0 ? quotient - 1 : quotient
  }
  @inlinable package static func < (left: Self, right: Self) -> Bool { left.nanos < right.nanos }
}
