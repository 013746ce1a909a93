// The embedded log: topics in one directory, one writer thread, any number of readers.

internal import Codecs
internal import Core
internal import Synchronization

/// The embedded log on the machine's own disk.
package typealias EmbeddedLog = SegmentedLog<PosixFiles>
/// A partition of it.
package typealias EmbeddedPartition = SegmentedPartition<PosixFiles>

/// A log in one directory:
///
///     <directory>/writer.lock                                        held by the one process that writes
///     <directory>/topics/<topic>-<partition>/partition.meta          `PartitionManifest`
///     <directory>/topics/<topic>-<partition>/<first offset>.log      record batches, as Kafka stores them
///     <directory>/topics/<topic>-<partition>/<first offset>.index    and their indexes, made again when missing
///     <directory>/topics/<topic>-<partition>/<first offset>.timeindex
///
/// `close()` it, or the writer thread and the lock stay.
package final class SegmentedLog<Files: LogFiles>: EventLog {
  package typealias Partition = SegmentedPartition<Files>

  private struct Topic {
    var settings: TopicSettings
    var partitions: [Int: Partition] = [:]
  }

  let files: Files
  let directory: String
  let options: LogOptions
  private let isReadOnly: Bool
  private let commands: BoundedQueue<LogCommand<Files>>
  private let health = LogHealth()
  let changes = ChangeSignal()
  let maintenanceFailures = MaintenanceFailures()
  private let sealedSegments: SealedSegments<Files>
  private let reserve: DiskReserve<Files>
  private let registry = Mutex<[String: Topic]>([:])
  /// Held by the one thread that looks for more in a log of another process.
  let polling = Mutex(())
  private let cuts = Mutex<[TailCut]>([])
  private let lock: Mutex<Files.File?>
  private let thread = Mutex<NamedThread?>(nil)
  let cleaning: Cleaning
  /// Without a thread of its own: see `openManual`.
  private let isManual: Bool
  /// Used by whoever writes: the writer thread, or who takes a turn.
  private let commit: Mutex<GroupCommit<Files>>

  /// Opens the log in `directory`, which is created if need be (but not for reading only). Errors: `.locked` if
  /// another process writes there, `.corrupt` if it is damaged beyond a torn tail.
  package static func open(
    directory: String, readOnly: Bool = false, options: LogOptions = LogOptions(), files: Files
  ) throws(LogError) -> SegmentedLog {
    let log = try SegmentedLog(
      directory: directory, isReadOnly: readOnly, isManual: false, options: options, files: files)
    _ = try log.loadTopics()
    if !readOnly {
      log.thread.withLock { $0 = NamedThread("log-writer") { log.writeUntilClosed() } }
      log.cleaning.start { try? log.compact() }
    }
    return log
  }

  /// Opens the log for writing, but without a writer thread: appends are carried out by `turn()`, and an operation
  /// that waits takes a turn itself. For simulations, in which one thread plays all parts.
  package static func openManual(
    directory: String, options: LogOptions = LogOptions(), files: Files
  ) throws(LogError) -> SegmentedLog {
    let log = try SegmentedLog(
      directory: directory, isReadOnly: false, isManual: true, options: options, files: files)
    _ = try log.loadTopics()
    return log
  }

  private init(
    directory: String, isReadOnly: Bool, isManual: Bool, options: LogOptions, files: Files
  ) throws(LogError) {
    self.files = files
    self.directory = directory
    self.options = options
    self.isReadOnly = isReadOnly
    self.isManual = isManual
    commands = BoundedQueue(weightMax: options.queueBytesMax)
    commit = Mutex(
      GroupCommit(
        files: files, health: health, failures: maintenanceFailures, queuedCount: { [commands] in commands.count }
      ) { [changes] in changes.advance() })
    sealedSegments = SealedSegments(files: files, options: options)
    reserve = DiskReserve(files: files, directory: directory, byteCount: options.reserveBytes)
    cleaning = Cleaning(periodNanos: options.maintenanceNanos)
    guard !isReadOnly else {
      lock = Mutex(nil)
      return
    }
    do throws(FileError) {
      try files.makeDirectory(directory)
      try files.makeDirectory(directory + "/topics")
      lock = Mutex(try files.lock(directory + "/writer.lock"))
    } catch {
      if error.isLocked { throw .locked(directory: directory) }
      throw error.logError
    }
  }

  /// What was cut off when the log was opened: nothing after an orderly end.
  package var tailCuts: [TailCut] { cuts.withLock { $0 } }

  /// Why the log takes no appends any more, or nil.
  package var failure: LogError? { health.error }

  /// What retention and compaction could not do, since the last call: each failure once, until it changes or passes.
  package func takeMaintenanceFailures() -> [MaintenanceFailure] { maintenanceFailures.take() }

  // MARK: Topics

  package func createTopic(_ settings: TopicSettings) throws(LogError) {
    try settings.check()
    guard !isReadOnly else { throw .readOnly }
    try registry.withLock { registry throws(LogError) in
      var topic = registry[settings.name] ?? Topic(settings: settings)
      guard topic.settings.isSameTopic(as: settings) else { throw .conflictingSettings(topic.settings) }
      for partition in topic.partitions.values { try partition.perform(.setPolicy(settings.policy)) }
      topic.settings.policy = settings.policy
      for index in 0..<settings.partitions where topic.partitions[index] == nil {
        let recovery = recovery(topic: settings.name, index)
        let epoch = UInt32.random(in: 1...UInt32.max)
        let manifest = try recovery.create(settings, index: index, epoch: epoch)
        topic.partitions[index] = try openForWriting(manifest, recovery)
      }
      registry[settings.name] = topic
    }
  }

  package func topics() -> [TopicSettings] {
    registry.withLock { $0.values.map(\.settings) }.sorted { $0.name < $1.name }
  }

  package func partition(_ topic: String, _ index: Int) throws(LogError) -> Partition {
    guard let partition = registry.withLock({ $0[topic]?.partitions[index] }) else {
      throw .unknownTopic("\(topic)-\(index)")
    }
    return partition
  }

  private func recovery(topic: String, _ index: Int) -> PartitionRecovery<Files> {
    PartitionRecovery(files: files, directory: "\(directory)/topics/\(topic)-\(index)", options: options)
  }

  /// In the order of their names, so that whatever is done to all of them is done in the same order in each process.
  func partitions() -> [Partition] {
    registry.withLock { $0.values.flatMap(\.partitions.values) }
      .sorted { ($0.topic, $0.index) < ($1.topic, $1.index) }
  }

  /// Opens the partitions on disk that are not open yet. Returns whether there were any.
  func loadTopics() throws(LogError) -> Bool {
    let names: [String]
    do throws(FileError) {
      // A topic of which the directory's own name is not on disk yet will be appended to.
      if !isReadOnly { try files.syncDirectory(directory + "/topics") }
      names = try files.list(directory + "/topics").sorted()
    } catch {
      if error.isMissing, isReadOnly { return false }
      throw error.logError
    }
    let known = Set(partitions().map { "\($0.topic)-\($0.index)" })
    var isChanged = false
    for name in names where !known.contains(name) {
      let recovery = PartitionRecovery(files: files, directory: "\(directory)/topics/\(name)", options: options)
      // A directory without a manifest is a creation that a crash cut short.
      guard let manifest = try recovery.manifest() else { continue }
      guard name == "\(manifest.settings.name)-\(manifest.index)" else {
        let path = "\(recovery.directory)/\(PartitionManifest.fileName)"
        throw .corrupt(file: path, byte: 0, reason: "of \(manifest.settings.name)-\(manifest.index)")
      }
      let opened = try isReadOnly ? openForReading(manifest, recovery) : openForWriting(manifest, recovery)
      guard let partition = opened else { continue }
      registry.withLock { registry in
        registry[manifest.settings.name, default: Topic(settings: manifest.settings)]
          .partitions[manifest.index] = partition
      }
      isChanged = true
    }
    return isChanged
  }

  private func openForWriting(
    _ manifest: PartitionManifest, _ recovery: PartitionRecovery<Files>
  ) throws(LogError) -> Partition {
    let recovered = try recovery.recover(manifest)
    if let cut = recovered.cut { cuts.withLock { $0.append(cut) } }
    let store = try onDisk { () throws(FileError) in
      try PartitionStore(
        files: files, directory: recovery.directory, options: options, recovered: recovered,
        sealedSegments: sealedSegments, reserve: reserve)
    }
    return try Partition(
      settings: manifest.settings, index: manifest.index, reader: store.reader, store: store,
      encoding: options.encodings[manifest.settings.name], commands: commands, health: health, turn: turnOfCaller)
  }

  /// Nil while its writer empties it: there will be something to read later.
  private func openForReading(
    _ manifest: PartitionManifest, _ recovery: PartitionRecovery<Files>
  ) throws(LogError) -> Partition? {
    guard let recovered = try followed(manifest, recovery) else { return nil }
    let reader = PartitionReader(
      directory: recovery.directory, state: recovered.state(directory: recovery.directory),
      sealedSegments: sealedSegments
    ) { [weak self, directory = recovery.directory] () throws(LogError) in try self?.reload(directory) ?? false }
    return try Partition(
      settings: manifest.settings, index: manifest.index, reader: reader, store: nil,
      encoding: options.encodings[manifest.settings.name], commands: commands, health: health, turn: turnOfCaller)
  }

  // MARK: Changes

  package var generation: UInt64 { changes.generation }

  package func waitForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64 {
    isReadOnly
      ? pollForChange(after: generation, timeoutNanos: timeoutNanos)
      : changes.wait(after: generation, timeoutNanos: timeoutNanos)
  }

  package func close() {
    // First, as what it made is put in place by the writer.
    cleaning.stop()
    commands.close()
    changes.close()
    if isManual { writeUntilClosed() }
    thread.withLock { $0 }?.join()
    lock.withLock { $0 = nil }
  }

  /// Carries out what is queued and what has come due; false if nothing was queued. Only for a log of `openManual`,
  /// never from within a turn.
  package func turn() -> Bool {
    var batch: [LogCommand<Files>] = []
    let isQueued = commands.drainQueued(into: &batch)
    commit.withLock { $0.run(batch) }
    return isQueued
  }

  /// Whether a turn is under way: what is called in it must not wait for an operation.
  package var isTurning: Bool { commit.withLockIfAvailable { _ in } == nil }

  /// What a thread does that waits for an operation of a log without a writer thread.
  private var turnOfCaller: (@Sendable () -> Void)? {
    guard isManual else { return nil }
    return { [weak self] in _ = self?.turn() }
  }

  /// Does now what else is done every `LogOptions.maintenanceNanos`: closes old segments, lets go of what retention
  /// gives up. Errors are those of the disk, final ones; what has run out is told by `takeMaintenanceFailures`.
  package func maintain() throws(LogError) {
    for partition in partitions() {
      var failure: LogError?
      do throws(LogError) { try partition.perform(.maintain) } catch { failure = error }
      maintenanceFailures.note(.retention, of: partition, failure)
      if let failure, !failure.isPassing { throw failure }
    }
  }

  /// The writer thread.
  private func writeUntilClosed() {
    reserve.fill()
    var batch: [LogCommand<Files>] = []
    var maintenanceNanos = files.monotonicNanos() + options.maintenanceNanos
    while true {
      if !isManual { gather() }
      guard commands.drain(into: &batch, timeoutNanos: isManual ? nil : nanosUntilDue(maintenanceNanos)) else { break }
      commit.withLock { $0.run(batch) }
      guard files.monotonicNanos() >= maintenanceNanos else { continue }
      let partitions = partitions()
      commit.withLock { $0.maintain(partitions) }
      reserve.fill()
      maintenanceNanos = files.monotonicNanos() + options.maintenanceNanos
    }
    // So that the next opening finds complete indexes, of derived topics too.
    let partitions = partitions()
    commit.withLock { $0.finish(partitions) }
  }

  /// Lets producers that come back at once share the next sync.
  private func gather() {
    guard let wanted = commit.withLock({ $0.gathering.next() }) else { return }
    let found = commands.waitForCount(wanted.count, timeoutNanos: wanted.timeoutNanos)
    commit.withLock { $0.gathering.gathered(found) }
  }

  private func nanosUntilDue(_ maintenanceNanos: Int64) -> Int64 {
    let dueNanos = commit.withLock(\.nextDueNanos) ?? maintenanceNanos
    return max(0, min(dueNanos, maintenanceNanos) - files.monotonicNanos())
  }
}

extension EmbeddedLog {
  /// Opens the log in `directory` on the machine's own disk.
  package static func open(
    directory: String, readOnly: Bool = false, options: LogOptions = LogOptions()
  ) throws(LogError) -> EmbeddedLog {
    try open(directory: directory, readOnly: readOnly, options: options, files: PosixFiles())
  }
}
