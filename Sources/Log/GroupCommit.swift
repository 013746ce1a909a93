// Group commit: everything that arrived while the last sync ran becomes durable with the next one.

internal import Codecs
internal import Core

/// Carries out what the queue held, in order. Without threads of its own, so that a simulation can drive it.
struct GroupCommit<Files: LogFiles> {
  private var touched: [SegmentedPartition<Files>] = []
  /// Written under `Durability.interval`, and when their syncs are due on the monotonic clock.
  private var unsynced: [(partition: SegmentedPartition<Files>, dueNanos: Int64)] = []
  /// When to wait for more before the next round; for the one who waits.
  var gathering = CommitGathering()
  private let files: Files
  private let health: LogHealth
  private let failures: MaintenanceFailures
  /// How many commands wait for the next round.
  private let queuedCount: @Sendable () -> Int
  /// Called when a high watermark moved.
  private let onChange: @Sendable () -> Void

  init(
    files: Files, health: LogHealth, failures: MaintenanceFailures, queuedCount: @escaping @Sendable () -> Int,
    onChange: @escaping @Sendable () -> Void
  ) {
    self.files = files
    self.health = health
    self.failures = failures
    self.queuedCount = queuedCount
    self.onChange = onChange
  }

  /// When `run` is to be called again, at the latest, even with no commands.
  var nextDueNanos: Int64? { unsynced.map(\.dueNanos).min() }

  /// One round: all `commands`, and one sync per partition that needs one before it may tell.
  mutating func run(_ commands: [LogCommand<Files>]) {
    for command in commands {
      switch command {
      case .append(let partition, let batch, let completion): stage(partition, batch, completion)
      case .perform(let partition, let operation, let reply):
        commit()
        let result = Result { () throws(LogError) in try perform(operation, on: partition) }
        reply.withLock { $0 = result }
        reply.broadcast()
      }
    }
    commit()
    syncDue()
  }

  /// Retention, and closing what is old, in all `partitions`.
  mutating func maintain(_ partitions: [SegmentedPartition<Files>]) {
    for partition in partitions where health.error == nil {
      var failure: LogError?
      do throws(LogError) { try perform(.maintain, on: partition) } catch { failure = error }
      failures.note(.retention, of: partition, failure)
    }
  }

  /// An orderly end: all that was written is on disk.
  func finish(_ partitions: [SegmentedPartition<Files>]) {
    guard health.error == nil else { return }
    for partition in partitions {
      do throws(FileError) { try unsafe partition.store?.close() } catch { return health.fail(error.logError) }
    }
  }

  private mutating func stage(
    _ partition: SegmentedPartition<Files>, _ batch: EncodedBatch, _ completion: AppendCompletion?
  ) {
    guard let store = unsafe partition.store, health.error == nil else {
      completion?(.failure(health.error ?? .readOnly))
      return
    }
    if !touched.contains(where: { $0 === partition }) { touched.append(partition) }
    do throws(FileError) {
      try store.stage(batch, completion)
    } catch {
      health.fail(error.logError)
      completion?(.failure(error.logError))
    }
  }

  /// Write, sync, publish, tell: never in another order. Readers and producers learn of a record only when it is as
  /// durable as its topic promises, and a producer that was told can read it.
  private mutating func commit() {
    guard !touched.isEmpty else { return }
    defer { touched.removeAll(keepingCapacity: true) }
    var syncNanos: Int64 = 0
    do throws(FileError) {
      guard health.error == nil else { return tell() }
      for partition in touched { try unsafe partition.store?.write() }
      #if PLANTED_BUGS
        if touched.contains(where: { unsafe $0.store?.options.plantedBug == .acknowledgeBeforeSync }) {
          for partition in touched { unsafe partition.store?.publish() }
          tell()
        }
      #endif
      for partition in touched where unsafe partition.store?.policy.durability == .fsync {
        let start = files.monotonicNanos()
        try unsafe partition.store?.sync()
        syncNanos += files.monotonicNanos() - start
      }
    } catch {
      // The disk may have lost any part of this round, and says so only once: nothing of it is acknowledged, and
      // nothing is tried again.
      health.fail(error.logError)
      return tell()
    }
    for partition in touched {
      unsafe partition.store?.publish()
      guard case .interval(let millis) = unsafe partition.store?.policy.durability,
        !unsynced.contains(where: { $0.partition === partition })
      else { continue }
      unsynced.append((partition, files.monotonicNanos() + Int64(millis) * 1_000_000))
    }
    tell(after: syncNanos)
  }

  /// The syncs that were put off, as far as their time has come.
  private mutating func syncDue() {
    guard !unsynced.isEmpty, health.error == nil else { return unsynced.removeAll() }
    let now = files.monotonicNanos()
    do throws(FileError) {
      for entry in unsynced where entry.dueNanos <= now { try unsafe entry.partition.store?.sync() }
    } catch {
      // What was acknowledged since the last sync may be lost, which `interval` allows for; going on is not allowed.
      health.fail(error.logError)
    }
    unsynced.removeAll { $0.dueNanos <= now }
  }

  private mutating func tell(after syncNanos: Int64 = 0) {
    let error = health.error
    // Before anybody is told: from then on there come those who were.
    let queued = queuedCount()
    var told = 0
    for partition in touched {
      guard let finished = unsafe partition.store?.takeFinished(failing: error) else { continue }
      for append in finished { append.completion?(append.result) }
      told += finished.count
    }
    gathering.committed(told: told, queued: queued, syncNanos: syncNanos)
    onChange()
  }

  private func perform(
    _ operation: PartitionOperation, on partition: SegmentedPartition<Files>
  ) throws(LogError) {
    guard let store = unsafe partition.store else { throw .readOnly }
    if let error = health.error { throw error }
    do throws(LogError) {
      switch operation {
      case .sync: try onDisk { () throws(FileError) in try store.sync() }
      case .truncate(let offset): try store.truncate(to: offset)
      case .reset: try store.reset()
      case .maintain:
        var held = partition.heldOffset
        #if PLANTED_BUGS
          if store.options.plantedBug == .retentionPastRelease { held = .max }
        #endif
        let end = held
        try onDisk { () throws(FileError) in try store.maintain(held: end) }
      case .swap(let cleaned): try onDisk { () throws(FileError) in try store.swap(cleaned) }
      case .setPolicy(let policy): try onDisk { () throws(FileError) in try store.setPolicy(policy) }
      }
    } catch {
      if case .failed = error { health.fail(error) }
      throw error
    }
    onChange()
  }
}
