// The segment that grows: its file, its index, and how much of the index is in the index files.

internal import Codecs
internal import Core

/// Owned by the partition's writer.
///
/// Space is not reserved ahead: measured on ext4, `fallocate` that keeps the size gains nothing, and one that sets it
/// spares a lone producer a third of a sync but nothing once syncs are shared, at the price of segments that end in
/// zeros.
struct WritableSegment<Files: LogFiles> {
  let names: SegmentNames
  let file: Files.File
  private let offsetsFile: Files.File
  private let timesFile: Files.File
  var index: SegmentIndex
  /// The bytes written so far, all of them whole batches.
  var byteCount: Int64
  /// Of them, what the last sync covered.
  private(set) var durableBytes: Int64
  private var storedOffsets: Int
  private var storedTimes: Int

  /// A new, empty segment; durable once the directory is synced.
  init(
    creating files: Files, directory: String, baseOffset: Int64, generation: UInt32 = 0, intervalBytes: Int
  ) throws(FileError) {
    names = SegmentNames(directory: directory, baseOffset: baseOffset, generation: generation)
    file = try files.open(names.log, .create)
    offsetsFile = try files.open(names.index, .create)
    timesFile = try files.open(names.timeIndex, .create)
    index = SegmentIndex(baseOffset: baseOffset, intervalBytes: intervalBytes)
    byteCount = 0
    durableBytes = 0
    storedOffsets = 0
    storedTimes = 0
  }

  /// The last segment of a partition that was recovered.
  init(files: Files, recovered: RecoveredPartition<Files>, directory: String) throws(FileError) {
    names = recovered.manifest.activeNames(in: directory)
    file = recovered.file
    offsetsFile = try files.open(names.index, .create)
    timesFile = try files.open(names.timeIndex, .create)
    index = recovered.index
    byteCount = recovered.byteCount
    durableBytes = recovered.byteCount
    storedOffsets = 0
    storedTimes = 0
    try storeIndex()
  }

  /// What readers are shown of it.
  var published: ActiveSegment<Files.File> {
    ActiveSegment(path: names.log, file: file, index: index, publishedBytes: byteCount)
  }

  /// Writes one batch behind those before.
  mutating func append(_ batch: RawSpan, _ frame: BatchFrame) throws(FileError) {
    try file.write(batch, at: byteCount)
    index.add(frame, at: byteCount)
    byteCount += Int64(batch.byteCount)
  }

  /// Returns once the written bytes are on disk, and then lets the index files tell of them.
  mutating func sync() throws(FileError) {
    guard durableBytes < byteCount else { return }
    try file.sync()
    durableBytes = byteCount
    try storeIndex()
  }

  /// Appends new index entries to their files, unsynced: an entry that is lost is made again. Only of durable bytes,
  /// because recovery looks at nothing before the last entry.
  private mutating func storeIndex() throws(FileError) {
    guard storedOffsets < index.offsets.count || storedTimes < index.times.count else { return }
    do throws(FileError) {
      var writer = ByteWriter()
      index.encodeTimes(from: storedTimes, into: &writer)
      try timesFile.write(writer.bytes, at: Int64(storedTimes * SegmentIndex.timeEntryBytes))
      storedTimes = index.times.count
      writer.removeAll()
      index.encodeOffsets(from: storedOffsets, into: &writer)
      try offsetsFile.write(writer.bytes, at: Int64(storedOffsets * SegmentIndex.offsetEntryBytes))
      storedOffsets = index.offsets.count
    } catch {
      // The index is a convenience: without space it lags behind, and is completed by a later sync.
      guard error.isDiskFull else { throw error }
    }
  }

  /// Makes the segment and its index durable, for good.
  mutating func seal(endOffset: Int64, appendedMillis: Int64) throws(FileError) -> SegmentSeal {
    index.seal()
    try file.sync()
    durableBytes = byteCount
    try storeIndex()
    try offsetsFile.sync()
    try timesFile.sync()
    var writer = ByteWriter()
    index.encodeOffsets(from: 0, into: &writer)
    let indexChecksum = CRC32C.checksum(writer.bytes)
    writer.removeAll()
    index.encodeTimes(from: 0, into: &writer)
    return SegmentSeal(
      baseOffset: index.baseOffset, endOffset: endOffset, byteCount: byteCount,
      maxTimestampMillis: index.maxTimestampMillis, indexChecksum: indexChecksum,
      timeIndexChecksum: CRC32C.checksum(writer.bytes), appendedMillis: appendedMillis, generation: names.generation)
  }
}
