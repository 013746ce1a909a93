// Reading a log that another process writes: what is on disk is looked at again whenever someone waits for more.

internal import Codecs
internal import Core
internal import Synchronization

extension SegmentedLog {
  /// `waitForChange` of a log that is open for reading only. High watermarks move in here and nowhere else.
  func pollForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64 {
    let clock = SystemClock()
    let start = clock.monotonicNanos()
    while true {
      if refresh() { changes.advance() }
      let rest = timeoutNanos - (clock.monotonicNanos() - start)
      if changes.generation != generation || rest <= 0 || changes.hasClosed { return changes.generation }
      _ = changes.wait(after: generation, timeoutNanos: min(rest, options.pollNanos))
    }
  }

  /// Takes up what the writer did since the last time. One thread at a time; returns whether there was anything.
  private func refresh() -> Bool {
    polling.withLock { _ in
      // A partition that cannot be read now keeps what it had: its reads say what is wrong.
      var isChanged = (try? loadTopics()) ?? false
      for partition in partitions() where (try? refresh(partition)) ?? false { isChanged = true }
      return isChanged
    }
  }

  /// What a reader asks that finds something missing or damaged: whether the writer changed it since it looked last.
  func reload(_ directory: String) throws(LogError) -> Bool {
    let isChanged = try polling.withLock { _ throws(LogError) in
      guard let partition = partitions().first(where: { $0.reader.directory == directory }) else { return false }
      return try reloadSegments(partition.reader, isFailing: true)
    }
    // Who waits must hear of it, as its own look will find nothing new.
    if isChanged { changes.advance() }
    return isChanged
  }

  /// Takes up other segments, and if `isFailing` the present ones as they are now: those of a derived partition may
  /// just be being cut.
  private func reloadSegments(_ reader: PartitionReader<Files>, isFailing: Bool = false) throws(LogError) -> Bool {
    let recovery = PartitionRecovery(files: files, directory: reader.directory, options: options)
    let last = reader.last
    guard let manifest = try recovery.manifest(),
      manifest.revision != last.revision || (isFailing && manifest.settings.isDerived)
    else { return false }
    guard let recovered = try followed(manifest, recovery) else { return closeEmptied(reader) }
    if recovered.manifest.revision == last.revision, recovered.byteCount == last.bytes { return false }
    reader.publishCut { state in
      let cuts = state.cuts
      state = recovered.state(directory: reader.directory)
      state.cuts = cuts
    }
    return true
  }

  /// There is nothing to read while the writer empties the partition, until it says that it is done.
  private func closeEmptied(_ reader: PartitionReader<Files>) -> Bool {
    guard reader.highWatermark > reader.startOffset else { return false }
    reader.publishCut { $0.highWatermark = $0.manifest.startOffset }
    return true
  }

  /// The partition as it is, looked at again while its writer changes the segments; nil while it is being emptied.
  func followed(
    _ manifest: PartitionManifest, _ recovery: PartitionRecovery<Files>
  ) throws(LogError) -> RecoveredPartition<Files>? {
    var manifest = manifest
    var attempts = 0
    while !manifest.isDiscarding {
      attempts += 1
      do throws(LogError) {
        return try recovery.follow(manifest)
      } catch {
        guard attempts < Limits.logFollowAttemptsMax, let now = try recovery.manifest(),
          now.revision != manifest.revision
        else { throw error }
        manifest = now
      }
    }
    return nil
  }

  private func refresh(_ partition: Partition) throws(LogError) -> Bool {
    let reader = partition.reader
    if try reloadSegments(reader) { return true }
    let (_, file, bytes, highWatermark) = reader.last
    guard try onDisk({ () throws(FileError) in try file.byteCount() }) > bytes else { return false }
    // The mark first: what it tells of was there by then.
    let recovery = PartitionRecovery(files: files, directory: reader.directory, options: options)
    let published = try recovery.publishedBytes(reader.manifest)
    let size = min(published, try onDisk { () throws(FileError) in try file.byteCount() })
    guard size > bytes else { return false }
    var found: [(frame: BatchFrame, position: Int64)] = []
    var scan = SegmentScan<Files.File>(mayHaveGaps: reader.manifest.activeGeneration > 0)
    let end: Int64
    do throws(FileError) {
      end = try scan.forEachBatch(
        of: file, from: bytes, to: size, nextOffset: highWatermark
      ) { frame, position in found.append((frame, position)) }
    } catch { throw error.logError }
    guard let last = found.last else { return false }
    let batches = found
    reader.publish { state in
      for batch in batches { state.active.index.add(batch.frame, at: batch.position) }
      state.active.publishedBytes = end
      state.highWatermark = last.frame.lastOffset + 1
    }
    return true
  }
}
