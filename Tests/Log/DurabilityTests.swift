// What each durability promises: when an append is acknowledged, and what is synced when.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct DurabilityTests {
  /// Counts the syncs of segments and lets a test wait for them.
  private final class SyncCount: Sendable {
    private let count = Monitor(0)
    var now: Int { count.withLock { $0 } }
    /// Opening syncs what it found: not what is counted here.
    func restart() { count.withLock { $0 = 0 } }
    func files() -> FaultyFiles {
      FaultyFiles { [count] call in
        if call.kind == .sync, call.path.hasSuffix(".log") {
          count.withLock { $0 += 1 }
          count.broadcast()
        }
        return nil
      }
    }
    func waitFor(_ number: Int) -> Bool {
      count.wait(timeoutNanos: 60_000_000_000) { $0 >= number ? true : nil } ?? false
    }
  }

  @Test func osAcknowledgesWithoutASync() throws {
    let directory = TemporaryDirectory()
    let syncs = SyncCount()
    let log = try SegmentedLog.open(directory: directory.path, files: syncs.files())
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(durability: .os)))
    let partition = try log.partition("ticks", 0)
    syncs.restart()
    for number in 0..<10 { try partition.appendAndWait(makeBatch(["\(number)"])) }
    #expect(partition.highWatermark == 10)
    #expect(syncs.now == 0)
    try partition.sync()
    #expect(syncs.now == 1)
    // Nothing came since: nothing to sync.
    try partition.sync()
    #expect(syncs.now == 1)
    try partition.appendAndWait(makeBatch(["last"]))
    log.close()
    #expect(syncs.now == 2, "an orderly end loses nothing")
  }

  @Test func intervalAcknowledgesAtOnceAndSyncsByItself() throws {
    let directory = TemporaryDirectory()
    let syncs = SyncCount()
    let log = try SegmentedLog.open(directory: directory.path, files: syncs.files())
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "slow", policy: TopicPolicy(durability: .interval(millis: 3_600_000))))
    try log.createTopic(TopicSettings(name: "fast", policy: TopicPolicy(durability: .interval(millis: 1))))
    let (slow, fast) = (try log.partition("slow", 0), try log.partition("fast", 0))
    syncs.restart()
    for number in 0..<10 { try slow.appendAndWait(makeBatch(["\(number)"])) }
    #expect(slow.highWatermark == 10)
    #expect(syncs.now == 0)
    for round in 1...3 {
      try fast.appendAndWait(makeBatch(["\(round)"]))
      #expect(fast.highWatermark == Int64(round))
      // With no further append to drive it.
      #expect(syncs.waitFor(round))
    }
  }

  /// Under `interval` a failed sync is as final as under `fsync`, and told to whoever appends next.
  @Test func aFailedSyncThatWasPutOffIsFinal() throws {
    let directory = TemporaryDirectory()
    let failed = Monitor(false)
    let isFailing = Atomic(false)
    let files = FaultyFiles { call in
      guard call.kind == .sync, call.path.hasSuffix(".log"), isFailing.load(ordering: .relaxed) else { return nil }
      failed.withLock { $0 = true }
      failed.broadcast()
      return .fail(.inputOutput("fdatasync"))
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(durability: .interval(millis: 1))))
    let partition = try log.partition("ticks", 0)
    isFailing.store(true, ordering: .relaxed)
    try partition.appendAndWait(makeBatch(["a"]))
    #expect(failed.wait(timeoutNanos: 60_000_000_000) { $0 ? true : nil } == true)
    #expect(throws: LogError.failed("fdatasync: error 5")) { try partition.appendAndWait(makeBatch(["b"])) }
  }

  /// The mark must never say more than is true: it is written behind the sync, and before anybody is told.
  @Test func theMarkIsWrittenBetweenSyncAndAcknowledgement() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let order = Mutex<[String]>([])
    let files = FaultyFiles { call in
      if call.path.hasSuffix(".log") || call.path.hasSuffix("durable.end"), call.kind.isChange {
        order.withLock { $0.append(call.path.hasSuffix(".log") ? "\(call.kind)" : "mark") }
      }
      return nil
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for number in 0..<5 {
      order.withLock { $0 = [] }
      let answer = Monitor(false)
      try partition.append(makeBatch(["\(number)"])) { _ in
        order.withLock { $0.append("told") }
        answer.withLock { $0 = true }
        answer.broadcast()
      }
      _ = answer.wait { $0 ? true : nil }
      #expect(order.withLock { $0 } == ["write", "sync", "mark", "told"])
    }
  }

  /// Where a power failure may have taken what readers saw, no position of before is believed; a killed process and an
  /// orderly end are no reason, nor is any of it under `fsync`.
  @Test(arguments: [Durability.fsync, .os, .interval(millis: 60_000)], [false, true])
  func losingPowerIsAnotherEpoch(durability: Durability, isOrderly: Bool) throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    func open(boot: UInt64) throws -> (SegmentedLog<FaultyFiles>, SegmentedPartition<FaultyFiles>) {
      var files = FaultyFiles()
      files.bootID = boot
      let log = try SegmentedLog.open(directory: directory.path, files: files)
      try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(durability: durability)))
      return (log, try log.partition("ticks", 0))
    }
    /// What a kill leaves takes the place of what is there.
    func crash(_ log: SegmentedLog<FaultyFiles>) {
      let copy = directory.copy()
      log.close()
      if !isOrderly { copy.overwrite(directory) }
    }
    var (log, partition) = try open(boot: 1)
    let epoch = partition.epoch
    try partition.appendAndWait(makeBatch(["a"]))
    crash(log)
    (log, partition) = try open(boot: 1)
    #expect(partition.epoch == epoch && partition.highWatermark == 1)
    try partition.appendAndWait(makeBatch(["b"]))
    crash(log)
    (log, partition) = try open(boot: 2)
    #expect((partition.epoch == epoch) == (isOrderly || durability == .fsync))
    let renewed = partition.epoch
    crash(log)
    (log, partition) = try open(boot: 2)
    #expect(partition.epoch == renewed)
    log.close()
  }

  /// What was acknowledged before a sync that failed may be gone at the next opening, as after a power failure.
  @Test(arguments: [false, true]) func aFailedSyncIsAnotherEpoch(isOfRecovery: Bool) throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let isFailing = Atomic(false)
    let files = FaultyFiles { call in
      let isHit = call.kind == .sync && call.path.hasSuffix(".log") && isFailing.load(ordering: .relaxed)
      return isHit ? .fail(.inputOutput("fdatasync")) : nil
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(durability: .os)))
    let partition = try log.partition("ticks", 0)
    try partition.appendAndWait(makeBatch(["a"]))
    isFailing.store(true, ordering: .relaxed)
    let failure = LogError.failed("fdatasync: error 5")
    if isOfRecovery {
      let copy = directory.copy()
      log.close()
      copy.overwrite(directory)
      #expect(throws: failure) { try SegmentedLog.open(directory: directory.path, files: files) }
    } else {
      #expect(throws: failure) { try partition.sync() }
      log.close()
    }
    isFailing.store(false, ordering: .relaxed)
    let again = try SegmentedLog.open(directory: directory.path, files: files)
    defer { again.close() }
    #expect(try again.partition("ticks", 0).epoch != partition.epoch)
  }

  /// A mark that cannot be read right now is not one that is missing: it may say that the epoch is over.
  @Test func aMarkThatCannotBeReadKeepsTheLogFromOpening() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try SegmentedLog.open(directory: directory.path, files: FaultyFiles())
    try log.createTopic(TopicSettings(name: "ticks"))
    log.close()
    let files = FaultyFiles { call in
      call.kind == .read && call.path.hasSuffix("durable.end") ? .fail(.inputOutput("read")) : nil
    }
    #expect(throws: LogError.failed("read: error 5")) {
      try SegmentedLog.open(directory: directory.path, files: files)
    }
  }

  @Test func aPolicyMayChangeAndIsKept() throws {
    let directory = TemporaryDirectory()
    let syncs = SyncCount()
    var policy = TopicPolicy(
      durability: .interval(millis: 60_000), retentionMillis: 5, retentionBytes: 6, segmentMillis: 7_000_000,
      compaction: CompactionPolicy(afterMillis: 8, tombstoneMillis: 9, dirtyPercent: 10))
    var log = try SegmentedLog.open(directory: directory.path, files: syncs.files())
    try log.createTopic(TopicSettings(name: "ticks", policy: policy))
    log.close()
    log = try SegmentedLog.open(directory: directory.path, files: syncs.files())
    #expect(log.topics() == [TopicSettings(name: "ticks", policy: policy)])
    let partition = try log.partition("ticks", 0)
    syncs.restart()
    try partition.appendAndWait(makeBatch(["a"]))
    #expect(syncs.now == 0)
    policy.durability = .fsync
    try log.createTopic(TopicSettings(name: "ticks", policy: policy))
    #expect(syncs.now == 1, "what came before is as durable as what comes now")
    try partition.appendAndWait(makeBatch(["b"]))
    #expect(syncs.now == 2)
    #expect(throws: LogError.conflictingSettings(TopicSettings(name: "ticks", policy: policy))) {
      try log.createTopic(TopicSettings(name: "ticks", isDerived: true, policy: policy))
    }
    log.close()
    let reopened = try EmbeddedLog.open(directory: directory.path)
    defer { reopened.close() }
    #expect(reopened.topics() == [TopicSettings(name: "ticks", policy: policy)])
  }
}
