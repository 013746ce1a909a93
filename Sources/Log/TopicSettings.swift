// What a topic is, and what its owner may change about it from one start to the next.

/// When an append is acknowledged, and with that may be read. The names say what the promise is worth.
package enum Durability: Sendable, Equatable {
  /// After an `fdatasync` that covers it: what was acknowledged or read survives a power failure.
  case fsync
  /// Once the kernel has it; a sync follows within so many milliseconds. A killed process loses nothing; a power
  /// failure or a failed sync loses at most what came in that time, though readers may have seen it: an input topic
  /// then has a new epoch, so that no position of before is believed. A reader in another process may see a batch that
  /// a full disk then refuses.
  case interval(millis: Int)
  /// Once the kernel has it; synced when a segment is full, on `sync()` and at an orderly end. A killed process loses
  /// nothing; a power failure what the kernel had not written, often half a minute.
  case os
}

/// Keeping only the newest record of each key, below what still has to be complete.
package struct CompactionPolicy: Sendable, Equatable {
  /// A segment is left whole for so long after its last append.
  package var afterMillis: Int64
  /// A tombstone stays for so long after it was first compacted, so that who reads from the start learns of it.
  package var tombstoneMillis: Int64
  /// Compaction starts once so much of what it may touch was never compacted.
  package var dirtyPercent: Int

  package init(
    afterMillis: Int64 = 24 * 3_600_000, tombstoneMillis: Int64 = 24 * 3_600_000, dirtyPercent: Int = 50
  ) {
    self.afterMillis = afterMillis
    self.tombstoneMillis = tombstoneMillis
    self.dirtyPercent = dirtyPercent
  }
}

/// What may differ from one start to the next. Ages are those of appends by the machine's clock, not event times: a
/// recording of last year is not old when it is played.
package struct TopicPolicy: Sendable, Equatable {
  package var durability: Durability
  /// Whole segments go so long after their last append; nil keeps them for ever.
  package var retentionMillis: Int64?
  /// Whole segments go while the rest holds at least this many bytes; nil keeps them for ever.
  package var retentionBytes: Int64?
  /// A segment is closed so long after its first append, so that it can grow old; nil waits until it is full.
  package var segmentMillis: Int64?
  /// nil keeps every record.
  package var compaction: CompactionPolicy?

  package init(
    durability: Durability = .fsync, retentionMillis: Int64? = nil, retentionBytes: Int64? = nil,
    segmentMillis: Int64? = nil, compaction: CompactionPolicy? = nil
  ) {
    self.durability = durability
    self.retentionMillis = retentionMillis
    self.retentionBytes = retentionBytes
    self.segmentMillis = segmentMillis
    self.compaction = compaction
  }
}

/// How a topic is laid out.
package struct TopicSettings: Sendable, Equatable {
  package var name: String
  package var partitions: Int
  /// A derived topic can be made again from its input, so it may be cut back by its one writer.
  package var isDerived: Bool
  package var policy: TopicPolicy

  /// Without a `policy`, everything is kept, and synced before it is acknowledged unless it can be made again.
  package init(name: String, partitions: Int = 1, isDerived: Bool = false, policy: TopicPolicy? = nil) {
    self.name = name
    self.partitions = partitions
    self.isDerived = isDerived
    self.policy = policy ?? TopicPolicy(durability: isDerived ? .os : .fsync)
  }

  /// Whether `other` is the same topic, under whatever policy.
  package func isSameTopic(as other: TopicSettings) -> Bool {
    name.utf8.elementsEqual(other.name.utf8) && partitions == other.partitions && isDerived == other.isDerived
  }
}
