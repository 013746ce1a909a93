// Compaction beside the writer: made on a thread of its own, put in place by the writer's.

internal import Codecs
internal import Core
internal import Synchronization

/// The thread that compacts from time to time. Safe to use from any thread.
final class Cleaning: Sendable {
  private let isStopping = Monitor(false)
  private let thread = Mutex<NamedThread?>(nil)
  private let periodNanos: Int64

  init(periodNanos: Int64) { self.periodNanos = periodNanos }

  var isStopped: Bool { isStopping.withLock { $0 } }

  func start(_ body: @escaping @Sendable () -> Void) {
    let thread = NamedThread("log-cleaner") { [isStopping, periodNanos] in
      while isStopping.wait(timeoutNanos: periodNanos, { $0 ? true : nil }) == nil { body() }
    }
    self.thread.withLock { $0 = thread }
  }

  /// Ends the work that is under way, and waits for its end.
  func stop() {
    isStopping.withLock { $0 = true }
    isStopping.broadcast()
    thread.withLock { $0 }?.join()
  }
}

extension SegmentedLog {
  /// Compacts what is due, on the calling thread; it is also done every `LogOptions.maintenanceNanos`. Errors: damage
  /// in a segment that was to be compacted leaves the segments as they are, whatever the disk refuses as well. The
  /// first one is thrown; `takeMaintenanceFailures` tells all.
  package func compact() throws(LogError) {
    var first: LogError?
    for partition in partitions() where !cleaning.isStopped {
      var failure: LogError?
      do throws(LogError) { try compact(partition) } catch { failure = error }
      maintenanceFailures.note(.compaction, of: partition, failure)
      first = first ?? failure
    }
    if let first { throw first }
  }

  private func compact(_ partition: Partition) throws(LogError) {
    let manifest = partition.reader.manifest
    guard unsafe partition.store != nil, let policy = manifest.settings.policy.compaction else { return }
    // What a failed log holds on disk is not known: it may name files of the generation that would be written next.
    if let failure { throw failure }
    var cleaner = SegmentCleaner(
      files: files, directory: partition.reader.directory, options: options, policy: policy
    ) { [cleaning] in cleaning.isStopped }
    let cleaned: CleanedSegments?
    do throws(LogError) {
      cleaned = try cleaner.clean(manifest, below: partition.heldOffset)
    } catch {
      // Cut or let go meanwhile: what was to be compacted is not there any more.
      if partition.reader.manifest.revision != manifest.revision { return }
      throw error
    }
    guard let cleaned else { return }
    do throws(LogError) {
      try partition.perform(.swap(cleaned))
    } catch {
      // Whether it was put in place is not known after a failure of the disk; opening the log tells.
      if case .failed = error { throw error }
      cleaner.abandon(cleaned)
      throw error
    }
  }
}

extension PartitionStore {
  /// Puts compacted segments in place. Until the manifest is replaced they are files that nothing names, afterwards
  /// those before are: whoever finds either removes them. Readers that have an old one open go on in it.
  func swap(_ cleaned: CleanedSegments) throws(FileError) {
    let count = cleaned.replaced.count
    guard manifest.epoch == cleaned.epoch, Array(manifest.sealed.prefix(count)) == cleaned.replaced else {
      remove(cleaned.seals)
      return
    }
    var changed = manifest
    changed.sealed.replaceSubrange(..<count, with: cleaned.seals)
    changed.compactedEnd = cleaned.compactedEnd
    changed.lastGeneration = cleaned.generation
    try replaceManifest(changed)
    publishSegments()
    remove(cleaned.replaced)
  }

  /// What stays is removed when the log is opened the next time.
  private func remove(_ seals: [SegmentSeal]) {
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    for seal in seals { try? recovery.removeSegment(manifest.names(seal, in: directory)) }
  }
}
