// The writing side of a partition: stages batches, writes them, syncs, rolls. No threads, no waiting: one owner.

internal import Codecs
internal import Core

/// An append on its way: what it got or why not is told by the one who commits.
struct PendingAppend {
  var completion: AppendCompletion?
  var result: Result<Int64, LogError>
}

/// Writes one partition. Used by the log's writer thread only; readers see what `publish()` shows them.
///
/// The order is always: `stage` some batches, `write`, `sync`, `publish`. Errors: a full disk refuses the batches that
/// did not fit and leaves the partition as before; any other error is thrown and final for the log.
final class PartitionStore<Files: LogFiles> {
  /// What the index must know of a batch.
  private struct BatchPlace {
    var lastOffset: Int64
    var maxTimestampMillis: Int64
    var byteCount: Int
    var position: Int64 = 0
  }

  let files: Files
  let directory: String
  let options: LogOptions
  let reader: PartitionReader<Files>
  private let reserve: DiskReserve<Files>

  // The manifest, the file and the index of the last segment, as they are; `reader` holds what readers may see.
  var manifest: PartitionManifest
  var segment: WritableSegment<Files>
  /// The offset of the next record, staged ones included.
  private(set) var nextOffset: Int64
  /// When the last append came, by the machine's clock; at first the moment of opening, so that nothing seems old.
  private(set) var appendedMillis: Int64
  /// The offset after the last record that was handed to the file.
  private var writtenOffset: Int64

  private var staged = ByteWriter(capacity: 64 << 10)
  private var stagedBatches: [BatchPlace] = []
  /// Written to the last segment since the last `publish()`: readers have an index of their own, as sharing one array
  /// would copy it with every entry.
  private var unpublishedBatches: [BatchPlace] = []
  private var isSegmentPublished = true
  /// Nil for a derived partition.
  private let mark: DurableMarkFile<Files>?
  private var stagedAppends: [PendingAppend] = []
  /// A derived record stands at the offset that its fold counted. After one was refused there is no right place for the
  /// next, until the fold cuts the partition back.
  var hasGap = false
  private var finishedAppends: [PendingAppend] = []

  init(
    files: Files, directory: String, options: LogOptions, recovered: RecoveredPartition<Files>,
    sealedSegments: SealedSegments<Files>, reserve: DiskReserve<Files>
  ) throws(FileError) {
    self.files = files
    self.reserve = reserve
    self.directory = directory
    self.options = options
    manifest = recovered.manifest
    mark = manifest.settings.isDerived ? nil : try DurableMarkFile(creating: files, in: directory)
    segment = try WritableSegment(files: files, recovered: recovered, directory: directory)
    nextOffset = recovered.nextOffset
    appendedMillis = files.wallMillis
    writtenOffset = recovered.nextOffset
    reader = PartitionReader(
      directory: directory, state: recovered.state(directory: directory), sealedSegments: sealedSegments)
    try writeMark(syncing: policy.durability != .fsync)
  }

  var policy: TopicPolicy { manifest.settings.policy }
  var hasStaged: Bool { !stagedAppends.isEmpty }
  var hasFinished: Bool { !finishedAppends.isEmpty }

  /// Gives the batch its offsets and puts it into the next write. Only batches that were checked before.
  func stage(_ batch: EncodedBatch, _ completion: AppendCompletion?) throws(FileError) {
    guard !hasGap else {
      finishedAppends.append(PendingAppend(completion: completion, result: .failure(.diskFull)))
      return
    }
    let nowMillis = files.wallMillis
    if isSegmentOver(before: batch, nowMillis: nowMillis) {
      try write()
      do throws(FileError) {
        if segment.byteCount > 0 { try roll() }
      } catch {
        guard error.isPassing else { throw error }
        hasGap = manifest.settings.isDerived
        finishedAppends.append(PendingAppend(completion: completion, result: .failure(error.logError)))
        return
      }
    }
    if segment.byteCount == 0, staged.count == 0 { manifest.activeSinceMillis = nowMillis }
    appendedMillis = nowMillis
    let encoded = batch.bytes
    let bytes = unsafe encoded.span.bytes
    let unsyncedBytes = segment.byteCount - segment.durableBytes + Int64(staged.count)
    staged.append(bigEndian: nextOffset)
    staged.append(bytes.extracting(8..<12))
    staged.append(bigEndian: Int32(truncatingIfNeeded: unsyncedBytes))
    staged.append(bytes.extracting(droppingFirst: BatchFrame.prefixBytes))
    stagedAppends.append(PendingAppend(completion: completion, result: .success(nextOffset)))
    nextOffset += Int64(batch.recordCount)
    stagedBatches.append(
      BatchPlace(
        lastOffset: nextOffset - 1, maxTimestampMillis: batch.maxTimestampMillis, byteCount: batch.bytes.count))
    if staged.count >= Limits.logWriteBytes { try write() }
  }

  /// Whether the last segment is full, or old, or its indexes, which hold offsets and bytes as Int32, could not tell
  /// of the batch.
  private func isSegmentOver(before batch: EncodedBatch, nowMillis: Int64) -> Bool {
    let end = segment.byteCount + Int64(staged.count)
    guard end > 0 else { return false }
    return end + Int64(batch.bytes.count) > options.segmentBytes
      || nextOffset + Int64(batch.recordCount) - segment.index.baseOffset > Int64(Int32.max)
      || isSegmentOld(nowMillis: nowMillis)
  }

  func isSegmentOld(nowMillis: Int64) -> Bool {
    guard let bound = policy.segmentMillis else { return false }
    return nowMillis - manifest.activeSinceMillis >= bound
  }

  /// Hands what is staged to the file. A full disk fails the staged appends, and nothing of them stays.
  func write() throws(FileError) {
    guard hasStaged else { return }
    defer {
      staged.removeAll()
      stagedBatches.removeAll(keepingCapacity: true)
      stagedAppends.removeAll(keepingCapacity: true)
    }
    do throws(FileError) {
      try segment.file.write(staged.bytes, at: segment.byteCount)
    } catch {
      guard error.isDiskFull else {
        finish(failing: error.logError)
        throw error
      }
      do throws(FileError) {
        // Before anything is reported: what follows must not be written after half a batch, and a whole one that is
        // refused must not come back after a power failure.
        try segment.file.truncate(to: segment.byteCount)
        try syncing { () throws(FileError) in try segment.file.sync() }
      } catch {
        finish(failing: error.logError)
        throw error
      }
      nextOffset = writtenOffset
      hasGap = manifest.settings.isDerived
      finish(failing: .diskFull)
      return
    }
    for var batch in stagedBatches {
      batch.position = segment.byteCount
      Self.add(batch, to: &segment.index)
      unpublishedBatches.append(batch)
      segment.byteCount += Int64(batch.byteCount)
    }
    writtenOffset = nextOffset
    finishedAppends += stagedAppends
  }

  private static func add(_ batch: BatchPlace, to index: inout SegmentIndex) {
    index.add(
      lastOffset: batch.lastOffset, maxTimestampMillis: batch.maxTimestampMillis, position: batch.position,
      byteCount: batch.byteCount)
  }

  private func finish(failing error: LogError) {
    finishedAppends += stagedAppends.map { PendingAppend(completion: $0.completion, result: .failure(error)) }
  }

  /// Returns once all that was written is on disk. Only then the index files may tell of it.
  func sync() throws(FileError) {
    #if PLANTED_BUGS
      if options.plantedBug == .noSync, !manifest.settings.isDerived { return }
    #endif
    guard segment.durableBytes < segment.byteCount else { return }
    try syncing { () throws(FileError) in try segment.sync() }
    // Before anybody is told: after a kill the mark covers all that was acknowledged.
    try writeMark()
  }

  /// Takes the mark back if a sync fails.
  private func syncing<Result>(_ body: () throws(FileError) -> Result) throws(FileError) -> Result {
    do throws(FileError) { return try body() } catch {
      if policy.durability != .fsync {
        mark?.distrust(baseOffset: segment.index.baseOffset, durableBytes: segment.durableBytes)
      }
      throw error
    }
  }

  /// An orderly end: all that was written is on disk, and the mark says so.
  func close() throws(FileError) {
    try sync()
    try writeMark(isClosed: true, syncing: true)
  }

  private func writeMark(isClosed: Bool = false, syncing: Bool = false) throws(FileError) {
    try mark?.write(
      baseOffset: segment.index.baseOffset, durableBytes: segment.durableBytes, isClosed: isClosed)
    if syncing { try mark?.sync() }
  }

  /// Puts another policy in force, for good.
  func setPolicy(_ policy: TopicPolicy) throws(FileError) {
    guard policy != self.policy else { return }
    // What was acknowledged under the old promise must not be left to a weaker one.
    try sync()
    var changed = manifest
    changed.settings.policy = policy
    try replaceManifest(changed)
    isSegmentPublished = false
    publish()
    // That the log is open must be on disk, once a power failure may take what was acknowledged.
    try writeMark(syncing: policy.durability != .fsync)
  }

  /// Shows readers what was written, and under `fsync` synced.
  func publish() {
    let (batches, isSegmentPublished, end) = (unpublishedBatches, isSegmentPublished, writtenOffset)
    let (manifest, active) = (manifest, segment.published)
    reader.publish { state in
      if isSegmentPublished {
        for batch in batches { Self.add(batch, to: &state.active.index) }
        state.active.publishedBytes = active.publishedBytes
      } else {
        state.manifest = manifest
        state.active = active
      }
      state.highWatermark = end
    }
    unpublishedBatches.removeAll(keepingCapacity: true)
    self.isSegmentPublished = true
  }

  /// The appends that are decided, in order. After a final error, pass it: none of them was made durable.
  func takeFinished(failing error: LogError? = nil) -> [PendingAppend] {
    defer { finishedAppends.removeAll(keepingCapacity: true) }
    if let error {
      finish(failing: error)
      staged.removeAll()
      stagedBatches = []
      stagedAppends = []
      return finishedAppends.map { append in
        if case .failure(.diskFull) = append.result { return append }
        if case .failure(.outOfDescriptors) = append.result { return append }
        return PendingAppend(completion: append.completion, result: .failure(error))
      }
    }
    return finishedAppends
  }

  // MARK: Segments

  /// Seals the last segment and begins the next. The order makes every moment a state that recovery accepts: the
  /// sealed bytes are durable, then the next file exists (an empty one that the manifest does not name is removed),
  /// then the manifest names both.
  func roll() throws(FileError) {
    let seal = try syncing { () throws(FileError) in
      try segment.seal(endOffset: writtenOffset, appendedMillis: appendedMillis)
    }
    let next = try WritableSegment(
      creating: files, directory: directory, baseOffset: writtenOffset, intervalBytes: options.indexIntervalBytes)
    try files.syncDirectory(directory)
    var changed = manifest
    changed.sealed.append(seal)
    changed.activeBaseOffset = writtenOffset
    changed.activeGeneration = 0
    changed.activeSinceMillis = files.wallMillis
    try replaceManifest(changed)
    segment = next
    unpublishedBatches.removeAll(keepingCapacity: true)
    isSegmentPublished = false
  }

  func replaceManifest(_ changed: PartitionManifest) throws(FileError) {
    var changed = changed
    changed.revision += 1
    var writer = ByteWriter()
    changed.encode(into: &writer)
    #if PLANTED_BUGS
      if options.plantedBug == .unsyncedRename {
        try files.replaceUnsynced(PartitionManifest.fileName, in: directory, with: writer.bytes)
        manifest = changed
        return
      }
    #endif
    do throws(FileError) {
      try files.replace(PartitionManifest.fileName, in: directory, with: writer.bytes)
    } catch {
      guard error.isDiskFull else { throw error }
      reserve.release()
      try files.replace(PartitionManifest.fileName, in: directory, with: writer.bytes)
    }
    manifest = changed
  }

  /// Takes up the state after a cut.
  func restart(segment changed: WritableSegment<Files>, nextOffset end: Int64) {
    segment = changed
    nextOffset = end
    writtenOffset = end
    unpublishedBatches = []
    hasGap = false
  }
}
