// How the records of a batch are packed.

/// The codecs of record batches that Millrace writes and reads; the raw values are Kafka's.
@usableFromInline package enum Compression: UInt8, Sendable, CaseIterable {
  case none = 0
  case lz4 = 3
}
