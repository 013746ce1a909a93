// Every bound of the system, with its reason. A limit that is not named here does not exist.

package enum Limits {
  /// Largest record batch, compressed or not. Kafka's own default is 1 MiB; consumers allocate this much at once.
  package static let batchBytesMax = 1 << 20
  /// Most records in one batch: bounds what one corrupt count can make a reader allocate.
  package static let batchRecordsMax = 16_384
  /// Longest key: keys are instruments, holders or sources, never documents.
  package static let keyBytesMax = 256
  /// Largest single value.
  package static let valueBytesMax = 256 << 10

  // The edge's HTTP side.

  /// Most time series of metrics: a scrape stays a few hundred kilobytes, and a label gone wild is noticed.
  package static let metricSeriesMax = 4_096
}
