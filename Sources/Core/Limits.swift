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

// The embedded log.
extension Limits {
  /// Size of a segment: large enough that a year of data is some thousands of files, small enough to be scanned anew in
  /// well under a second, and far below the 2 GiB that a position in Kafka's index can name.
  package static let logSegmentBytes: Int64 = 256 << 20
  /// Distance of index entries: a lookup scans at most about this much, and a full segment's index is 128 KiB.
  package static let logIndexIntervalBytes = 16 << 10
  /// Batches queued for the writer: some tens of milliseconds of a fast disk, so that a slow one is felt upstream.
  package static let logQueueBytesMax = 32 << 20
  /// Batches are gathered up to this size before one write: larger ones do not make the disk faster.
  package static let logWriteBytes = 4 << 20
  /// Longest wait for producers to come back before a sync: short against a sync that takes longer.
  package static let logGatherNanosMax: Int64 = 1_000_000
  /// Commits without such a wait after it was in vain, at most: what waiting costs is then below one part in a hundred.
  package static let logGatherPauseMax = 64
  /// Sealed segments held open for readers: bounds descriptors, and at 256 KiB of index each, memory.
  package static let logOpenSegmentsMax = 64
  /// Largest index file that is read: one entry per interval of the largest segment is far below it.
  package static let logIndexBytesMax = 64 << 20
  /// How often a reader of another process's log looks again because the segments changed while it looked: each time
  /// the writer must have replaced them meanwhile.
  package static let logFollowAttemptsMax = 100
  /// How often a reader of another process's log looks for more: short against what a person notices.
  package static let logPollNanos: Int64 = 10_000_000
  /// How often the writer looks for segments that are old: short against the hours that policies are given in.
  package static let logMaintenanceNanos: Int64 = 10_000_000_000
  /// Space put by for a full disk: some manifests of thousands of segments.
  package static let logReserveBytes = 8 << 20
  /// Keys that one compaction tells apart: about 64 MiB with short ones. With more, it goes as far as there is room,
  /// and on from there the next time.
  package static let logCompactionKeysMax = 1 << 20
  /// All of their bytes.
  package static let logCompactionKeyBytesMax = 64 << 20
  /// Compaction gathers records up to this size into one batch, which compress well and stay below `batchBytesMax`.
  package static let logCompactionBatchBytes = 256 << 10
  /// Partitions of one topic: each is a directory, a few descriptors and a task.
  package static let logPartitionsMax = 1024
  /// Longest line of an export: the largest value in base64, with its key and headers.
  package static let exportLineBytesMax = 2 << 20
  /// An import makes batches of about this many bytes of records: as good for compression as larger ones.
  package static let importBatchBytes = 256 << 10
  /// Damaged stretches of one segment that verify and repair remember: more is not a segment any more.
  package static let logDamagePerSegmentMax = 65_536
  /// Longest topic name, as in Kafka: it becomes a file name.
  package static let logTopicNameBytesMax = 249
}
