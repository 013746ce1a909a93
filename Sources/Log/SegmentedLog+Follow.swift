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

  /// What a reader asks that finds a segment gone: whether the writer changed the segments since it looked last.
  func reload(_ directory: String) -> Bool {
    let isChanged = polling.withLock { _ in
      guard let partition = partitions().first(where: { $0.reader.directory == directory }) else { return false }
      return (try? reloadSegments(partition.reader)) ?? false
    }
    // Who waits must hear of it, as its own look will find nothing new.
    if isChanged { changes.advance() }
    return isChanged
  }

  private func reloadSegments(_ reader: PartitionReader<Files>) throws(LogError) -> Bool {
    let recovery = PartitionRecovery(files: files, directory: reader.directory, options: options)
    guard let manifest = try recovery.manifest(), !manifest.isDiscarding, manifest.revision != reader.last.revision
    else { return false }
    let recovered = try followed(manifest, recovery)
    reader.publishCut { state in
      let cuts = state.cuts
      state = recovered.state(directory: reader.directory)
      state.cuts = cuts
    }
    return true
  }

  private func refresh(_ partition: Partition) throws(LogError) -> Bool {
    let reader = partition.reader
    if try reloadSegments(reader) { return true }
    let (_, file, bytes, highWatermark) = reader.last
    let size = try onDisk { () throws(FileError) in try file.byteCount() }
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
