// What the simulator found: orders of calls to the disk that a crash, a power failure or a full disk made wrong.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct CrashOrderTests {
  private typealias Calls = Mutex<[DiskCall]>

  /// Who was killed between a rename and the sync of its directory left names that only seem to be there for good.
  @Test func namesAreMadeDurableBeforeAnythingIsAppended() throws {
    let directory = TemporaryDirectory()
    let first = try EmbeddedLog.open(directory: directory.path)
    try first.createTopic(TopicSettings(name: "ticks"))
    first.close()
    let calls = Calls([])
    let files = FaultyFiles { call in
      calls.withLock { $0.append(call) }
      return nil
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    log.close()
    let synced = calls.withLock { $0 }.filter { $0.kind == .syncDirectory }.map(\.path)
    #expect(synced.contains("\(directory.path)/topics"))
    #expect(synced.contains("\(directory.path)/topics/ticks-0"))
  }

  /// No order is promised of two names in one directory.
  @Test func aNewSegmentIsThereBeforeItsManifest() throws {
    let directory = TemporaryDirectory()
    let calls = Calls([])
    let files = FaultyFiles { call in
      calls.withLock { $0.append(call) }
      return nil
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let kinds = calls.withLock { $0 }
    let created = try #require(kinds.firstIndex { $0.kind == .create && $0.path.hasSuffix(".log") })
    let renamed = try #require(kinds.firstIndex { $0.kind == .rename && $0.path.hasSuffix("partition.meta") })
    #expect(kinds[created..<renamed].contains { $0.kind == .syncDirectory })
  }

  /// After a manifest's rename nobody knows which of the two a crash leaves: the log must not go on, whatever it was
  /// that kept the directory from being synced, even what passes elsewhere.
  @Test(arguments: [FileError.full(), FileError(code: 24, operation: "test", isOutOfDescriptors: true)])
  func aManifestThatMayNotLastIsFinal(error: FileError) throws {
    let directory = TemporaryDirectory()
    let isFailing = Atomic(false)
    let hasRenamed = Atomic(false)
    let files = FaultyFiles { call in
      guard isFailing.load(ordering: .relaxed) else { return nil }
      if call.kind == .rename { hasRenamed.store(true, ordering: .relaxed) }
      return call.kind == .syncDirectory && hasRenamed.load(ordering: .relaxed) ? .fail(error) : nil
    }
    var options = LogOptions()
    options.segmentBytes = 400
    let log = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let ticks = try log.partition("ticks", 0)
    try ticks.appendAndWait(makeBatch([String(repeating: "x", count: 300)], compression: .none))
    isFailing.store(true, ordering: .relaxed)
    let failed = LogError.failed("test: error \(error.code)")
    #expect(throws: failed) {
      try ticks.appendAndWait(makeBatch([String(repeating: "y", count: 300)], compression: .none))
    }
    let wasRolled = hasRenamed.load(ordering: .relaxed)
    #expect(wasRolled, "the segment was not full")
    isFailing.store(false, ordering: .relaxed)
    #expect(log.failure == failed)
    #expect(throws: failed) { try ticks.appendAndWait(makeBatch(["z"])) }
  }

  // MARK: The full disk

  /// A whole batch of a refused round must not come back after a power failure: it is cut off, durably, before anybody
  /// is told.
  @Test func whatIsRefusedIsGoneForGood() throws {
    let directory = TemporaryDirectory()
    let isFull = Atomic(false)
    let calls = Calls([])
    let files = FaultyFiles { call in
      guard isFull.load(ordering: .relaxed) else { return nil }
      calls.withLock { $0.append(call) }
      return call.kind == .write ? .failAfter(call.byteCount - 1, .full()) : nil
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let ticks = try log.partition("ticks", 0)
    isFull.store(true, ordering: .relaxed)
    let toldAfter = Mutex<[DiskCall.Kind]>([])
    let answer = Monitor<Bool>(false)
    try ticks.append(makeBatch(["a"])) { _ in
      toldAfter.withLock { $0 = calls.withLock { $0.map(\.kind) } }
      answer.withLock { $0 = true }
      answer.broadcast()
    }
    _ = answer.wait { $0 ? true : nil }
    #expect(toldAfter.withLock { $0 }.prefix(3) == [.write, .truncate, .sync])
  }

  // MARK: Readers beside a cut

  /// At every step of a cut, through several segments and through a batch, a reader finds the records before it.
  @Test(arguments: [0, 3, 4, 11, 17]) func readersGoOnDuringACut(end: Int) throws {
    let directory = TemporaryDirectory()
    let look = Mutex<(@Sendable (DiskCall) -> Void)?>(nil)
    let files = FaultyFiles { call in
      if call.kind.isChange { look.withLock { $0 }?(call) }
      return nil
    }
    var options = LogOptions()
    options.segmentBytes = 400
    options.indexIntervalBytes = 64
    let log = try SegmentedLog.openManual(directory: directory.path, options: options, files: files)
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let candles = try log.partition("candles", 0)
    for number in 0..<10 {
      let values = ["\(2 * number)", "\(2 * number + 1)"]
      try candles.append(makeBatch(values, compression: .none), completion: nil)
    }
    _ = log.turn()
    let problems = Mutex<[String]>([])
    let isLooking = Atomic(false)
    look.withLock {
      $0 = { call in
        guard !isLooking.exchange(true, ordering: .relaxed) else { return }
        defer { isLooking.store(false, ordering: .relaxed) }
        do {
          let found = try readAll(candles).compactMap(\.value)
          let isRight = found == (0..<found.count).map(String.init) && found.count >= end - end % 2
          if !isRight { problems.withLock { $0.append("\(call): \(found)") } }
        } catch { problems.withLock { $0.append("\(call): \(error)") } }
      }
    }
    try candles.truncate(to: Int64(end))
    look.withLock { $0 = nil }
    #expect(problems.withLock { $0 } == [])
    #expect(try readAll(candles).count == end)
    log.close()
  }
}
