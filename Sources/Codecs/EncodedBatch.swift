// A finished record batch on its way to a log: encoded once, by whoever produced it.

/// An immutable record batch v2 with base offset 0. The log that takes it fills in the offset, which no checksum
/// covers.
package final class EncodedBatch: Sendable {
  /// The whole batch, header included.
  package let bytes: [UInt8]
  package let recordCount: Int
  /// The largest record timestamp, in milliseconds since 1970.
  package let maxTimestampMillis: Int64

  package init(bytes: [UInt8], recordCount: Int, maxTimestampMillis: Int64) {
    self.bytes = bytes
    self.recordCount = recordCount
    self.maxTimestampMillis = maxTimestampMillis
  }
}
