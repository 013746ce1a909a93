// The bounds of the fold engine, with their reasons.

@usableFromInline package enum ProcessorLimits {
  // Computed where a row's path reads them: a stored one would be asked every time whether it is there yet.

  /// Input that is read at once: from the copy to the decoding it stays in the second level of cache.
  package static let stepBytes = 256 << 10
  /// Rows that are decoded before they are folded: 64 KiB of them stay in the first two levels of cache.
  package static let chunkRows = 1024
  /// A derived batch is cut here: a quarter of the largest that a log takes.
  package static let outputBatchBytes = 256 << 10
  /// Most records of a derived batch: a quarter of what the log takes, and quick to skip through.
  package static let outputBatchRecords = 4096
  /// Most derived topics of one task: what a damaged checkpoint can make a reader allocate.
  package static let topicsMax = 64
  /// The records' hash is chained over blocks of this size; the rest of a block travels in the checkpoint.
  package static let hashBlockBytes = 16 << 10
  /// Latest moment that is taken for one, in 2255: sums with every setting stay within an Int64.
  @inlinable package static var timeNanosMax: Int64 { 9_000_000_000_000_000_000 }
  /// Most instruments of one partition: about 2 KB of state each.
  @inlinable package static var instrumentsMax: Int { 1 << 20 }
  /// Most sources of one partition: a set of them is one word. There are six venues; the rest is room.
  @inlinable package static var sourcesMax: Int { 64 }
  /// The greatest raw value of Avro `decimal(38,18)`: 10^38 - 1.
  @inlinable package static var decimalMax: Int128 {
    99_999_999_999_999_999_999_999_999_999_999_999_999
  }
}
