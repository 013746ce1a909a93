// What happens when a partition is opened: the manifest is believed if its checksum holds, sealed segments if their
// size is right, and the last segment as far as its batches are valid.

internal import Codecs
internal import Core

/// What was cut off a partition's last segment when it was opened.
package struct TailCut: Equatable, Sendable {
  package var file: String
  /// The first byte that belonged to no whole batch.
  package var byte: Int64
  package var byteCount: Int64
  package var nextOffset: Int64
  /// A copy of what was cut off an input topic, until the next one; nil if there was no space for it.
  package var keptIn: String?
}

/// A partition as found on disk.
struct RecoveredPartition<Files: LogFiles> {
  var manifest: PartitionManifest
  var file: Files.File
  var index: SegmentIndex
  /// The valid part of the last segment.
  var byteCount: Int64
  var nextOffset: Int64
  /// Up to here the last segment was durable before it was opened: the index files tell of nothing else.
  var durableBytes: Int64
  var cut: TailCut?

  func state(directory: String) -> PartitionState<Files.File> {
    let path = manifest.activeNames(in: directory).log
    let active = ActiveSegment(path: path, file: file, index: index, publishedBytes: byteCount)
    return PartitionState(manifest: manifest, highWatermark: nextOffset, active: active)
  }
}

/// Opens partitions. The work is bounded by the last segment, whatever the size of the log.
struct PartitionRecovery<Files: LogFiles> {
  let files: Files
  let directory: String
  let options: LogOptions

  /// The manifest, or nil where no partition was ever completed.
  func manifest() throws(LogError) -> PartitionManifest? {
    let path = "\(directory)/\(PartitionManifest.fileName)"
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try files.contents(path, byteCountMax: PartitionManifest.byteCountMax)
    } catch {
      if error.isMissing { return nil }
      throw error.logError
    }
    do throws(CodecError) {
      return try unsafe PartitionManifest(decoding: bytes.span.bytes)
    } catch { throw .corrupt(file: path, byte: 0, reason: "\(error)") }
  }

  /// Makes a new, empty partition. The manifest comes last: without it there is no partition.
  func create(_ settings: TopicSettings, index: Int, epoch: UInt32) throws(LogError) -> PartitionManifest {
    var manifest = PartitionManifest(settings: settings, index: index, epoch: epoch)
    manifest.activeSinceMillis = files.wallMillis
    let created = manifest
    do throws(FileError) {
      try files.makeDirectory(directory)
      _ = try WritableSegment(
        creating: files, directory: directory, baseOffset: 0, intervalBytes: options.indexIntervalBytes)
      if !settings.isDerived {
        // From now on it is written in place, which a full disk does not keep from being done.
        let mark = DurableMark(baseOffset: 0, durableBytes: 0, bootID: files.bootID, isClosed: false).bytes
        try files.replace(DurableMark.fileName, in: directory, with: unsafe mark.span.bytes)
      }
      // No order is promised of two names in one directory: the manifest must not be there without the segment.
      try files.syncDirectory(directory)
      try store(created)
    } catch { throw error.logError }
    return manifest
  }

  func store(_ manifest: PartitionManifest) throws(FileError) {
    var writer = ByteWriter()
    manifest.encode(into: &writer)
    try files.replace(PartitionManifest.fileName, in: directory, with: writer.bytes)
  }

  // MARK: Opening

  /// Opens the partition for its one writer: repairs what a crash may leave, refuses what it may not.
  func recover(_ manifest: PartitionManifest) throws(LogError) -> RecoveredPartition<Files> {
    var manifest = manifest
    if manifest.isDiscarding { manifest = try finishDiscarding(manifest) }
    try checkSealed(manifest)
    try removeLeftovers(manifest)
    let mark = try mark(manifest)
    if let renewed = try renewedEpoch(manifest, mark) { manifest = renewed }
    var recovered = try scanLast(manifest, mark, mode: .update)
    let path = manifest.activeNames(in: directory).log
    let size = try onDisk { () throws(FileError) in try recovered.file.byteCount() }
    if !manifest.settings.isDerived, !isCuttingAnyDamage {
      try refuseLoss(recovered, mark, path: path)
      if recovered.byteCount < size { try refuseDamage(recovered, path: path, size: size) }
    }
    if recovered.byteCount < size {
      recovered.cut = TailCut(
        file: path, byte: recovered.byteCount, byteCount: size - recovered.byteCount, nextOffset: recovered.nextOffset,
        keptIn: manifest.settings.isDerived ? nil : keepTail(recovered, size: size))
    }
    let found = recovered
    try onDisk { () throws(FileError) in
      // Always: whoever ended between a rename and the sync of its directory left names that we see and that the next
      // power failure would take back, with all that is appended under them from now on.
      try files.syncDirectory(directory)
      if found.cut != nil { try found.file.truncate(to: found.byteCount) }
      try makeTailDurable(found, mark)
    }
    return recovered
  }

  /// Opens the partition as another process's writer may be leaving it right now: what readers there may see so far.
  func follow(_ manifest: PartitionManifest) throws(LogError) -> RecoveredPartition<Files> {
    try checkSealed(manifest)
    let path = manifest.activeNames(in: directory).log
    // Before the segment: what it tells of was there by then.
    let mark = try mark(manifest)
    let limit = publishedBytes(manifest, mark)
    var recovered = try scanLast(manifest, mark, mode: .read, upTo: limit)
    try refuseLoss(recovered, mark, path: path)
    let file = recovered.file
    let size = min(limit, try onDisk { () throws(FileError) in try file.byteCount() })
    do throws(LogError) {
      if recovered.byteCount < size { try refuseDamage(recovered, path: path, size: size) }
    } catch {
      // The writer may have gone on between the two looks; if so, the second finds the gap filled.
      let again = try scanLast(manifest, mark, mode: .read, upTo: limit)
      guard again.byteCount > recovered.byteCount else { throw error }
      recovered = again
    }
    return recovered
  }

  /// Nil for a derived topic, which has none.
  private func mark(_ manifest: PartitionManifest) throws(LogError) -> DurableMark? {
    if manifest.settings.isDerived { return nil }
    return try onDisk { () throws(FileError) in try DurableMark(in: directory, files: files) }
  }

  /// How much of the last segment readers in other processes may see. What an input topic under `fsync` holds beyond
  /// its mark may be lost with the power, and the writer's own readers do not see it either; all of it is on disk if
  /// the mark is from before this start of the machine, as no writer has been there since.
  func publishedBytes(_ manifest: PartitionManifest) throws(LogError) -> Int64 {
    publishedBytes(manifest, try mark(manifest))
  }

  private func publishedBytes(_ manifest: PartitionManifest, _ mark: DurableMark?) -> Int64 {
    guard manifest.settings.policy.durability == .fsync, let mark, mark.bootID == files.bootID,
      mark.baseOffset <= manifest.activeBaseOffset
    else { return .max }
    return mark.baseOffset == manifest.activeBaseOffset ? mark.durableBytes : 0
  }

  /// A reset that was interrupted is carried to its end.
  func finishDiscarding(_ discarding: PartitionManifest) throws(LogError) -> PartitionManifest {
    var manifest = PartitionManifest(settings: discarding.settings, index: discarding.index, epoch: discarding.epoch)
    manifest.activeSinceMillis = files.wallMillis
    manifest.revision = discarding.revision + 1
    do throws(FileError) {
      for name in try files.list(directory) where name != PartitionManifest.fileName {
        // A compaction may be removing its own at the same time.
        do throws(FileError) { try files.remove("\(directory)/\(name)") } catch {
          guard error.isMissing else { throw error }
        }
      }
      _ = try WritableSegment(
        creating: files, directory: directory, baseOffset: 0, intervalBytes: options.indexIntervalBytes)
      try files.syncDirectory(directory)
      try store(manifest)
    } catch { throw error.logError }
    return manifest
  }

  private func checkSealed(_ manifest: PartitionManifest) throws(LogError) {
    var expected = manifest.startOffset
    for seal in manifest.sealed {
      let path = manifest.names(seal, in: directory).log
      guard seal.baseOffset == expected else {
        throw .corrupt(file: path, byte: 0, reason: "offset \(expected) is in no segment")
      }
      expected = seal.endOffset
      let size: Int64
      do throws(FileError) {
        size = try files.open(path, .read).byteCount()
      } catch {
        if error.isMissing { throw .corrupt(file: path, byte: 0, reason: "the sealed segment is missing") }
        throw error.logError
      }
      guard size == seal.byteCount else {
        throw .corrupt(
          file: path, byte: min(size, seal.byteCount), reason: "sealed with \(seal.byteCount) bytes, now \(size)")
      }
    }
    guard manifest.activeBaseOffset == expected else {
      let path = manifest.activeNames(in: directory).log
      throw .corrupt(file: path, byte: 0, reason: "offset \(expected) is in no segment")
    }
  }

  /// Removes the segments that the manifest does not name, as far as they are what a crash may leave; an empty one was
  /// just begun.
  private func removeLeftovers(_ manifest: PartitionManifest) throws(LogError) {
    var known = Set(manifest.sealed.map { manifest.names($0, in: directory).log })
    known.insert(manifest.activeNames(in: directory).log)
    for name in try onDisk({ () throws(FileError) in try files.list(directory) }) {
      let path = "\(directory)/\(name)"
      if name.hasSuffix(".tmp") { try onDisk { () throws(FileError) in try files.remove(path) } }
      guard let (base, generation) = SegmentNames.parse(name), !known.contains(path) else { continue }
      let names = SegmentNames(directory: directory, baseOffset: base, generation: generation)
      let size = try onDisk { () throws(FileError) in try files.open(path, .read).byteCount() }
      guard size == 0 || manifest.isLeftover(names) else {
        throw .corrupt(file: path, byte: 0, reason: "a segment that the partition does not know")
      }
      try onDisk { () throws(FileError) in try removeSegment(names) }
    }
  }

  func removeSegment(_ names: SegmentNames) throws(FileError) {
    // The segment last: as long as it is there, this is done again.
    for path in [names.index, names.timeIndex, names.log] {
      do throws(FileError) { try files.remove(path) } catch { guard error.isMissing else { throw error } }
    }
  }

  // MARK: The last segment

  /// The index files are not synced: since a power failure they may hold some writes and lack others, which no single
  /// entry shows, so that they are believed only under the start of the machine that `mark` tells of. Those of derived
  /// topics, which have no mark, are believed as long as their last entry is right.
  private func scanLast(
    _ manifest: PartitionManifest, _ mark: DurableMark?, mode: OpenMode, upTo limit: Int64 = .max
  ) throws(LogError) -> RecoveredPartition<Files> {
    let isIndexWhole = manifest.settings.isDerived || mark?.bootID == files.bootID && files.bootID != 0
    let base = manifest.activeBaseOffset
    let names = manifest.activeNames(in: directory)
    do throws(FileError) {
      let file = try files.open(names.log, mode)
      let size = min(limit, try file.byteCount())
      var index = storedIndex(names, baseOffset: base, byteCount: size)
      var durable = Int64(index.offsets.last?.position ?? 0)
      var scanned =
        try isIndexWhole
        ? scan(file, from: index.rewindToLastCertainty(), to: size, &index, mayHaveGaps: names.generation > 0) : nil
      if scanned == nil {
        index = SegmentIndex(baseOffset: base, intervalBytes: options.indexIntervalBytes)
        // An index that does not fit the segment is worth nothing.
        if isIndexWhole { durable = 0 }
        scanned = try scan(file, from: 0, to: size, &index, mayHaveGaps: names.generation > 0)
      }
      let (end, nextOffset) = scanned ?? (0, base)
      return RecoveredPartition(
        manifest: manifest, file: file, index: index, byteCount: end, nextOffset: nextOffset,
        durableBytes: min(durable, end))
    } catch {
      if error.isMissing { throw .corrupt(file: names.log, byte: 0, reason: "the last segment is missing") }
      throw error.logError
    }
  }

  private func storedIndex(_ names: SegmentNames, baseOffset: Int64, byteCount: Int64) -> SegmentIndex {
    guard let offsets = try? files.contents(names.index, byteCountMax: Limits.logIndexBytesMax),
      let times = try? files.contents(names.timeIndex, byteCountMax: Limits.logIndexBytesMax)
    else { return SegmentIndex(baseOffset: baseOffset, intervalBytes: options.indexIntervalBytes) }
    return unsafe SegmentIndex(
      baseOffset: baseOffset, intervalBytes: options.indexIntervalBytes, offsets: offsets.span.bytes,
      times: times.span.bytes, byteCount: byteCount)
  }

  /// Completes `index` from `position`, where its last entry points, to the end of what is valid. Nil if the entry is
  /// wrong.
  private func scan(
    _ file: Files.File, from position: Int64, to size: Int64, _ index: inout SegmentIndex, mayHaveGaps: Bool
  ) throws(FileError) -> (end: Int64, nextOffset: Int64)? {
    let entry = index.offsets.last.map { index.baseOffset + Int64($0.relativeOffset) }
    let lastTime = index.times.last.map { index.baseOffset + Int64($0.relativeOffset) } ?? -1
    var nextOffset = index.baseOffset
    var isEntryRight = entry == nil
    var scan = SegmentScan<Files.File>(mayHaveGaps: mayHaveGaps)
    var changed = index
    let end = try scan.forEachBatch(
      of: file, from: position, to: size, nextOffset: entry == nil ? index.baseOffset : nil
    ) { frame, position in
      if frame.lastOffset == entry { isEntryRight = true }
      nextOffset = frame.lastOffset + 1
      changed.add(frame, at: position)
    }
    guard isEntryRight, lastTime < nextOffset else { return nil }
    index = changed
    return (end, nextOffset)
  }

  // What is cut and what is refused, for input topics. Writes that were not synced may be lost in any order, so that
  // there may be whole batches behind damaged ones. What was synced may not be lost, and is not taken for a torn tail:
  //
  // 1. The mark says how far the segment was on disk. Damage before that is refused. It is exact unless power failed.
  // 2. Each batch says how far the segment was on disk when it was written (`BatchFrame.unsyncedBytes`). Damage before
  //    that is refused as long as that batch is whole.
  // 3. All else was under way in the last round before the end, and is cut from the first damaged byte on. So the one
  //    loss that passes for a torn tail is that of the very last round, by damage and a power failure together.
  //
  // Derived topics are cut at the first damaged byte, as they are made again; who only reads cannot do that, and is
  // told of any batch behind damage.

  private func refuseLoss(
    _ recovered: RecoveredPartition<Files>, _ mark: DurableMark?, path: String
  ) throws(LogError) {
    guard let mark, mark.baseOffset == recovered.manifest.activeBaseOffset, recovered.byteCount < mark.durableBytes
    else { return }
    throw .corrupt(
      file: path, byte: recovered.byteCount,
      reason: "damaged or cut off, though it was on disk up to byte \(mark.durableBytes)")
  }

  private func refuseDamage(_ recovered: RecoveredPartition<Files>, path: String, size: Int64) throws(LogError) {
    var scan = SegmentScan<Files.File>(mayHaveGaps: recovered.manifest.activeGeneration > 0)
    let later: Int64?
    do throws(FileError) {
      later = try scan.laterBatch(
        of: recovered.file, after: recovered.byteCount + 1, to: size, nextOffset: recovered.nextOffset,
        writtenAfter: recovered.manifest.settings.isDerived ? nil : recovered.byteCount + 1)
    } catch { throw error.logError }
    if let later {
      throw .corrupt(
        file: path, byte: recovered.byteCount,
        reason: "damaged, but a valid batch follows at byte \(later)")
    }
  }

  /// Under `interval` and `os` a power failure takes records that were acknowledged and read. Others will get their
  /// offsets, so the partition gets another epoch: no position of before is believed. A killed process is no reason,
  /// nor is an orderly end.
  private func renewedEpoch(
    _ manifest: PartitionManifest, _ mark: DurableMark?
  ) throws(LogError) -> PartitionManifest? {
    guard !manifest.settings.isDerived, manifest.settings.policy.durability != .fsync, let mark, !mark.isClosed else {
      return nil
    }
    let bootID = files.bootID
    if bootID != 0, mark.bootID == bootID { return nil }
    var renewed = manifest
    renewed.revision += 1
    while renewed.epoch == manifest.epoch { renewed.epoch = UInt32.random(in: 1...UInt32.max) }
    let changed = renewed
    try onDisk { () throws(FileError) in try store(changed) }
    return renewed
  }

  /// Best effort: what is cut off was never acknowledged, but somebody may want to look at it.
  private func keepTail(_ recovered: RecoveredPartition<Files>, size: Int64) -> String? {
    var tail = ByteWriter()
    let count = Int(min(size - recovered.byteCount, Int64(Limits.logQueueBytesMax)))
    do throws(FileError) {
      try recovered.file.read(count, at: recovered.byteCount, into: &tail)
      try files.replace("tail.cut", in: directory, with: tail.bytes)
      return "\(directory)/tail.cut"
    } catch { return nil }
  }

  /// Only where a test plants that bug.
  private var isCuttingAnyDamage: Bool {
    #if PLANTED_BUGS
      options.plantedBug == .truncateAtFirstBadChecksum
    #else
      false
    #endif
  }

  /// Writes the tail again, with the same bytes, and syncs it. After a failed sync the kernel holds pages as clean that
  /// the disk never got; read back, they would be served as durable.
  private func makeTailDurable(_ recovered: RecoveredPartition<Files>, _ mark: DurableMark?) throws(FileError) {
    var position = recovered.durableBytes
    var buffer = ByteWriter()
    while position < recovered.byteCount {
      buffer.removeAll()
      let count = min(Int64(Limits.logWriteBytes), recovered.byteCount - position)
      try recovered.file.read(Int(count), at: position, into: &buffer)
      try recovered.file.write(buffer.bytes, at: position)
      position += Int64(buffer.count)
      if buffer.count == 0 { break }
    }
    do throws(FileError) { try recovered.file.sync() } catch {
      if let mark, recovered.manifest.settings.policy.durability != .fsync {
        try? DurableMarkFile(creating: files, in: directory)
          .distrust(baseOffset: mark.baseOffset, durableBytes: mark.durableBytes)
      }
      throw error
    }
  }
}
