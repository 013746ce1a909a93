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

  private func refresh(_ partition: Partition) throws(LogError) -> Bool {
    let reader = partition.reader
    let recovery = PartitionRecovery(files: files, directory: reader.directory, options: options)
    guard let manifest = try recovery.manifest(), !manifest.isDiscarding else { return false }
    let (revision, file, bytes, highWatermark) = reader.last
    guard manifest.revision == revision else {
      let recovered = try recovery.follow(manifest)
      reader.publishCut { state in
        let cuts = state.cuts
        state = recovered.state(directory: reader.directory)
        state.cuts = cuts
      }
      return true
    }
    let size = try onDisk { () throws(FileError) in try file.byteCount() }
    guard size > bytes else { return false }
    var found: [(frame: BatchFrame, position: Int64)] = []
    var scan = SegmentScan<Files.File>()
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
