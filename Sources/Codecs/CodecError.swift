// What can be wrong with bytes, and where.

/// Bytes that do not decode. The input is at fault, never this process: count it, name the place, go on.
@usableFromInline package enum CodecError: Error, Equatable, Sendable {
  /// The input ends before the value does; `at` is the byte offset where the value begins.
  case truncated(at: Int)
  /// The bytes break the format; `at` is the offset of the first offending byte.
  case malformed(at: Int, reason: String)
  /// A length, count or number is legal in the format but beyond a limit named in `reason`.
  case tooLarge(at: Int, reason: String)
  /// Stored bytes are not those that were written.
  case checksumMismatch(expected: UInt32, actual: UInt32)
}
