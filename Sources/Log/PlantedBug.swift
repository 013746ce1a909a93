// Bugs that a debug build can be told to have, so that tests show that each campaign would find them.

#if PLANTED_BUGS
  internal import Codecs

  /// One well-known way to lose data. `LogOptions.plantedBug` and `TaskSettings.plantedBug` plant it; the flag
  /// `PLANTED_BUGS` is set in debug builds only, so that no released binary contains any of them.
  package enum PlantedBug: String, Sendable, CaseIterable {
    /// Nothing of an input topic is synced with its round.
    case noSync
    /// Producers are told when their batch is written, before it is synced.
    case acknowledgeBeforeSync
    /// A manifest takes its name before its content, and without the directory, is on disk.
    case unsyncedRename
    /// Recovery cuts at the first damaged batch, whatever follows.
    case truncateAtFirstBadChecksum
    /// A checkpoint is written before the outputs that it counts are on disk.
    case checkpointBeforeOutputs
    /// Retention takes what a fold has not released.
    case retentionPastRelease
  }

  extension LogFiles {
    /// `replace` with the planted bug `unsyncedRename`.
    func replaceUnsynced(_ name: String, in directory: String, with bytes: RawSpan) throws(FileError) {
      let temporary = "\(directory)/\(name).tmp"
      try open(temporary, .create).write(bytes, at: 0)
      try rename(temporary, to: "\(directory)/\(name)")
    }
  }
#endif
