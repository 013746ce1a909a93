// The small file that says what a partition is and which of its segments are sealed.

/// A segment that will never be written again.
struct SegmentSeal: Equatable, Sendable {
  var baseOffset: Int64
  /// The offset after its last record.
  var endOffset: Int64
  var byteCount: Int64
  var maxTimestampMillis: Int64
  /// Checksums of the index files: they are derived data, and made again when these do not match.
  var indexChecksum: UInt32
  var timeIndexChecksum: UInt32
  /// When the machine's clock saw the last append. Before format 2 there was none: then the largest timestamp.
  var appendedMillis: Int64 = 0
  /// Which file of this base offset it is: compaction writes a new one beside the old.
  var generation: UInt32 = 0
}

/// The content of `partition.meta`, replaced as a whole: `MRPM`, format version, body, CRC32C over all before it.
struct PartitionManifest: Equatable, Sendable {
  static let fileName = "partition.meta"
  static let magic: UInt32 = 0x4d52_504d
  /// Version 2 brought the policy, ages, generations and the compacted end.
  static let version: UInt32 = 2
  /// Bounds what a damaged directory can make us read: about 2.5 million segments fit.
  static let byteCountMax = 128 << 20

  var settings: TopicSettings
  var index: Int
  var epoch: UInt32
  /// Counts the rewrites, so that readers in other processes see that the segments changed.
  var revision: UInt64 = 0
  /// The partition is being emptied: whatever segments are found belong to the history before.
  var isDiscarding = false
  var startOffset: Int64 = 0
  var sealed: [SegmentSeal] = []
  var activeBaseOffset: Int64 = 0
  var activeGeneration: UInt32 = 0
  /// When the last segment was begun, by the machine's clock.
  var activeSinceMillis: Int64 = 0
  /// Below it each key has at most one record, besides those with a null key.
  var compactedEnd: Int64 = 0
  /// The last generation given to a file.
  var lastGeneration: UInt32 = 0

  init(settings: TopicSettings, index: Int, epoch: UInt32) {
    self.settings = settings
    self.index = index
    self.epoch = epoch
  }

  /// The sealed segment's files.
  func names(_ seal: SegmentSeal, in directory: String) -> SegmentNames {
    SegmentNames(directory: directory, baseOffset: seal.baseOffset, generation: seal.generation)
  }

  /// Whether a segment that the manifest does not name is one that a crash may leave: before the start, where retention
  /// let it go, or on either side of a compaction, or cut off from a derived partition. Anything else is not ours to
  /// delete.
  func isLeftover(_ names: SegmentNames) -> Bool {
    settings.isDerived || names.baseOffset < startOffset || names.generation > 0
      || sealed.contains { $0.generation > 0 && ($0.baseOffset..<$0.endOffset).contains(names.baseOffset) }
  }

  /// The last segment's files.
  func activeNames(in directory: String) -> SegmentNames {
    SegmentNames(directory: directory, baseOffset: activeBaseOffset, generation: activeGeneration)
  }
}

/// The names of a segment's files in its partition's directory.
struct SegmentNames: Hashable {
  let log: String
  let index: String
  let timeIndex: String
  let baseOffset: Int64
  let generation: UInt32

  /// As Kafka names them: twenty digits of the first offset. A compacted segment's name goes on with its generation,
  /// which Kafka's tools pass over.
  init(directory: String, baseOffset: Int64, generation: UInt32 = 0) {
    let digits = String(baseOffset)
    let suffix = generation == 0 ? "" : ".\(generation)"
    let name = directory + "/" + String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits + suffix
    log = name + ".log"
    index = name + ".index"
    timeIndex = name + ".timeindex"
    self.baseOffset = baseOffset
    self.generation = generation
  }

  /// The base offset and generation in the name of a `.log` file; nil for other names.
  static func parse(_ name: String) -> (baseOffset: Int64, generation: UInt32)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, parts.last == "log", parts[0].utf8.count == 20,
      let base = Int64(parts[0]), base >= 0
    else { return nil }
    guard parts.count == 3 else { return (base, 0) }
    guard let generation = UInt32(parts[1]), generation > 0 else { return nil }
    return (base, generation)
  }
}
