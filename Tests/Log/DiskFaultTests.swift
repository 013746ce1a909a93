// What the log does when the disk fails, and that it acknowledges in the right order.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct DiskFaultTests {
  private static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = 900
    options.indexIntervalBytes = 200
    return options
  }

  private static func open(
    _ directory: String, _ decide: @escaping @Sendable (DiskCall) -> DiskFault?
  ) throws -> SegmentedLog<FaultyFiles> {
    try SegmentedLog.open(directory: directory, options: options(), files: FaultyFiles(decide: decide))
  }

  // MARK: Order

  /// Every acknowledged byte was written before a sync that ended before the acknowledgement, and no reader saw it
  /// before that sync.
  @Test func acknowledgesAfterTheSyncThatCoversTheWrite() throws {
    struct Seen {
      var written: Int64 = 0
      var synced: Int64 = 0
      var syncs = 0
      var watermark: @Sendable () -> Int64 = { 0 }
      var problems: [String] = []
    }
    let directory = TemporaryDirectory()
    let seen = Mutex(Seen())
    // One batch has always the same size here, so that bytes tell offsets.
    let batchBytes = Int64(makeBatch(["0000"], compression: .none).bytes.count)
    var options = Self.options()
    options.segmentBytes = 1 << 20
    let files = FaultyFiles { call in
      guard call.path.hasSuffix(".log") else { return nil }
      seen.withLock { seen in
        switch call.kind {
        case .write: seen.written = max(seen.written, call.position + Int64(call.byteCount))
        case .sync:
          // What is visible before this sync must be covered by one before it.
          let visible = seen.watermark() * batchBytes
          if visible > seen.synced { seen.problems.append("\(visible) visible, \(seen.synced) synced") }
          seen.synced = seen.written
          seen.syncs += 1
        default: break
        }
      }
      return nil
    }
    let log = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    seen.withLock { $0.watermark = { partition.highWatermark } }
    let threads = (0..<4).map { producer in
      NamedThread("producer") {
        for number in 0..<200 {
          let text = String("\(1000 + (producer * 200 + number) % 9000)".suffix(4))
          try? partition.append(makeBatch([text], compression: .none)) { result in
            let end = (((try? result.get()) ?? -1) + 1) * batchBytes
            seen.withLock { seen in
              if end == 0 { seen.problems.append("append failed") }
              if end > seen.synced { seen.problems.append("acknowledged \(end), synced \(seen.synced)") }
            }
          }
        }
      }
    }
    for thread in threads { thread.join() }
    log.close()
    let (problems, syncs) = seen.withLock { ($0.problems, $0.syncs) }
    #expect(problems.prefix(3) == [])
    #expect(partition.highWatermark == 800)
    // Group commit: what arrives during a sync shares the next one.
    #expect(syncs < 800)
  }

  @Test func derivedTopicsAreNotSyncedPerBatch() throws {
    let directory = TemporaryDirectory()
    let syncs = Mutex(0)
    let log = try Self.open(directory.path) { call in
      if call.kind == .sync, call.path.hasSuffix(".log") { syncs.withLock { $0 += 1 } }
      return nil
    }
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let partition = try log.partition("candles", 0)
    let before = syncs.withLock { $0 }
    for index in 0..<5 { try partition.appendAndWait(makeBatch(["\(index)"])) }
    #expect(partition.highWatermark == 5)
    #expect(syncs.withLock { $0 } == before)
    try partition.sync()
    #expect(syncs.withLock { $0 } == before + 1)
  }

  // MARK: Failures

  @Test func aFailedSyncIsFinal() throws {
    let directory = TemporaryDirectory()
    let isFailing = Atomic(false)
    let syncs = Atomic(0)
    let log = try Self.open(directory.path) { call in
      guard call.kind == .sync, call.path.hasSuffix(".log"), isFailing.load(ordering: .relaxed) else { return nil }
      syncs.wrappingAdd(1, ordering: .relaxed)
      return .fail(.inputOutput("fdatasync"))
    }
    try log.createTopic(TopicSettings(name: "ticks", partitions: 2))
    let (partition, other) = (try log.partition("ticks", 0), try log.partition("ticks", 1))
    try partition.appendAndWait(makeBatch(["safe"]))
    isFailing.store(true, ordering: .relaxed)
    let failed = LogError.failed("fdatasync: error 5")
    #expect(throws: failed) { try partition.appendAndWait(makeBatch(["lost"])) }
    isFailing.store(false, ordering: .relaxed)
    // The disk would say yes now, which means nothing: the log asks no more.
    for partition in [partition, other] {
      #expect(throws: failed) { try partition.appendAndWait(makeBatch(["later"])) }
      #expect(throws: failed) { try partition.sync() }
    }
    #expect(syncs.load(ordering: .relaxed) == 1)
    #expect(log.failure == failed)
    #expect(try readAll(partition).map(\.value) == ["safe"])
    log.close()
    let again = try EmbeddedLog.open(directory: directory.path)
    defer { again.close() }
    #expect(try readAll(again.partition("ticks", 0)).first?.value == "safe")
  }

  @Test func aFullDiskRefusesAndGoesOn() throws {
    let directory = TemporaryDirectory()
    let isFull = Atomic(false)
    let log = try Self.open(directory.path) { call in
      guard isFull.load(ordering: .relaxed), call.kind == .write || call.kind == .create else { return nil }
      return .failAfter(37, .full())
    }
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    var expected: [String] = []
    for round in 0..<30 {
      isFull.store(round % 3 == 1, ordering: .relaxed)
      let values = ["\(round) a", "\(round) b .............................."]
      if round % 3 == 1 {
        #expect(throws: LogError.diskFull) { try partition.appendAndWait(makeBatch(values)) }
        // No byte of it stayed: whoever opens the log now has nothing to cut.
        let copy = directory.copy()
        let opened = try EmbeddedLog.open(directory: copy.path)
        #expect(opened.tailCuts == [])
        opened.close()
      } else {
        #expect(try partition.appendAndWait(makeBatch(values)) == Int64(expected.count))
        expected += values
      }
      #expect(try readAll(partition).map(\.value) == expected)
    }
    isFull.store(false, ordering: .relaxed)
    log.close()
    let again = try EmbeddedLog.open(directory: directory.path)
    defer { again.close() }
    #expect(try readAll(again.partition("ticks", 0)).map(\.value) == expected)
    #expect(again.tailCuts == [])
  }

  /// Had the next derived record been taken, it would stand at the offset of the one that was refused.
  @Test(arguments: [DiskCall.Kind.write, .create])
  func aDerivedTopicTakesNothingAfterAGap(full kind: DiskCall.Kind) throws {
    let directory = TemporaryDirectory()
    let isFull = Atomic(false)
    let log = try Self.open(directory.path) { call in
      isFull.load(ordering: .relaxed) && call.kind == kind ? .fail(.full()) : nil
    }
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let partition = try log.partition("candles", 0)
    var random = SplitMix(seed: 8)
    // The first batch fills the segment, so that the next one begins another.
    let first = makeBatch([filler(850, &random)], compression: .none)
    try partition.appendAndWait(first)
    isFull.store(true, ordering: .relaxed)
    #expect(throws: LogError.diskFull) { try partition.appendAndWait(makeBatch([filler(100, &random)])) }
    isFull.store(false, ordering: .relaxed)
    #expect(throws: LogError.diskFull) { try partition.appendAndWait(makeBatch(["of another offset"])) }
    #expect(partition.highWatermark == 1)
    try partition.truncate(to: 1)
    #expect(try partition.appendAndWait(makeBatch(["the right one"])) == 1)
  }

  /// After a failed sync the kernel calls pages clean that the disk never got. What recovery reads beyond the index,
  /// and would serve, is therefore written and synced anew first.
  @Test func writesTheTailAgainBeforeItIsServed() throws {
    let directory = TemporaryDirectory()
    var options = Self.options()
    options.segmentBytes = 1 << 20
    let log = try EmbeddedLog.open(directory: directory.path, options: options)
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for number in 0..<20 { try partition.appendAndWait(makeBatch(["\(number)"], timestampMillis: Int64(number))) }
    let crash = directory.copy()
    log.close()
    let calls = Mutex<[DiskCall]>([])
    let files = FaultyFiles { call in
      if call.path.hasSuffix(".log"), call.kind == .write || call.kind == .sync { calls.withLock { $0.append(call) } }
      return nil
    }
    let again = try SegmentedLog.open(directory: crash.path, options: options, files: files)
    defer { again.close() }
    let size = TestFile.read("\(crash.path)/topics/ticks-0/00000000000000000000.log").count
    let seen = calls.withLock { $0 }
    #expect(seen.map(\.kind) == [.write, .sync])
    let written = try #require(seen.first)
    #expect(Int(written.position) + written.byteCount == size)
    #expect(written.position > 0, "what the index tells of was synced")
    #expect(try readAll(again.partition("ticks", 0)).count == 20)
  }

  // MARK: The n-th call

  /// A fixed run with segment rolls, cuts and a reset. Returns what was acknowledged and what was tried.
  private static func run(_ log: SegmentedLog<FaultyFiles>) throws -> (acknowledged: [String], tried: [String]) {
    var acknowledged: [String] = []
    var tried: [String] = []
    try log.createTopic(TopicSettings(name: "ticks"))
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let (ticks, candles) = (try log.partition("ticks", 0), try log.partition("candles", 0))
    for number in 0..<40 {
      let value = "\(number) " + String(repeating: "x", count: number % 7)
      tried.append(value)
      if (try? ticks.appendAndWait(makeBatch([value], compression: .none))) != nil { acknowledged.append(value) }
      let candle = makeBatch([value, value + "'"], compression: .none)
      _ = try? candles.appendAndWait(candle)
      if number % 13 == 12 { try? candles.truncate(to: max(0, candles.highWatermark - 15)) }
      if number == 30 { try? candles.reset() }
    }
    try? candles.sync()
    return (acknowledged, tried)
  }

  /// The log holds what was acknowledged, in order, and beyond it at most what was tried.
  private static func check(
    _ directory: String, _ acknowledged: [String], _ tried: [String], _ note: String, candles expected: [String] = []
  ) throws {
    let log = try EmbeddedLog.open(directory: directory, options: options())
    defer { log.close() }
    if let ticks = try? log.partition("ticks", 0) {
      let found = try readAll(ticks).map { $0.value ?? "" }
      var rest = found[...]
      for value in acknowledged {
        guard let place = rest.firstIndex(of: value) else {
          Issue.record("\(note): '\(value)' was acknowledged and is lost")
          break
        }
        rest = rest[(place + 1)...]
      }
      #expect(Set(found).count == found.count, "\(note): twice")
      #expect(Set(found).isSubset(of: tried), "\(note)")
      // And it goes on.
      #expect(try ticks.appendAndWait(makeBatch(["more"])) == Int64(found.count), "\(note)")
    } else {
      #expect(acknowledged == [], "\(note)")
    }
    if let candles = try? log.partition("candles", 0) {
      let found = try readAll(candles).map(\.offset)
      #expect(found == Array(0..<candles.highWatermark), "\(note)")
      #expect(try readAll(candles, limit: expected.count).prefix(expected.count).map(\.value) == expected, "\(note)")
      try candles.reset()
      #expect(try candles.appendAndWait(makeBatch(["more"])) == 0, "\(note)")
    }
  }

  /// Fails the n-th changing call for all n, once and from then on; with an error and with a full disk.
  @Test(arguments: [false, true], [false, true]) func survivesTheNthFailure(isFull: Bool, isLasting: Bool) throws {
    let failure = NthFailure(isFull: isFull, isLasting: isLasting)
    let (count, all) = try failure.forEachCall(from: (acknowledged: [String](), tried: [String]())) {
      (directory, files, told) in
      let log = try SegmentedLog.open(directory: directory, options: Self.options(), files: files)
      defer { log.close() }
      told(try Self.run(log))
    } check: { (directory, outcome, note) in
      try Self.check(directory, outcome.acknowledged, outcome.tried, note)
    }
    #expect(all.acknowledged == all.tried)
    #expect(count > 100)
  }

  /// Copies the directory before each changing call, and in the middle of each write: whatever a kill at that moment
  /// leaves is opened, with all that was acknowledged until then.
  @Test func survivesAKillAtEveryCall() throws {
    let recorder = CrashRecorder((acknowledged: [String](), candles: [String]()))
    let log = try SegmentedLog.open(
      directory: recorder.directory.path, options: Self.options(), files: recorder.files())
    recorder.start()
    try log.createTopic(TopicSettings(name: "ticks"))
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let (ticks, candles) = (try log.partition("ticks", 0), try log.partition("candles", 0))
    var tried: [String] = []
    for number in 0..<16 {
      let value = "\(number) ................."
      tried.append(value)
      try ticks.appendAndWait(makeBatch([value], compression: .none))
      recorder.progress.withLock { $0.acknowledged.append(value) }
      try candles.appendAndWait(makeBatch([value, value], compression: .none))
      if number == 11 {
        // What lies before the cut, which goes through a batch, is there at every moment of it and after.
        let kept = try readAll(candles, limit: 3).prefix(3).map { $0.value ?? "" }
        recorder.progress.withLock { $0.candles = kept }
        try candles.truncate(to: 3)
      }
      if number == 14 {
        recorder.progress.withLock { $0.candles = [] }
        try candles.reset()
      }
    }
    log.close()
    let crashes = recorder.all
    #expect(crashes.count > 100)
    for crash in crashes {
      let (acknowledged, candles) = crash.progress
      try Self.check(crash.directory.path, acknowledged, tried, crash.note, candles: candles)
    }
  }
}
