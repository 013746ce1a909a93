// Letting go of whole segments: what goes, what stays, what readers see, and what a crash leaves.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct RetentionTests {
  private static let hour: Int64 = 3_600_000

  private static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = 1000
    options.indexIntervalBytes = 200
    return options
  }

  private static func segments(_ directory: String, _ suffix: String = ".log") -> [String] {
    let names = (try? PosixFiles().list("\(directory)/topics/ticks-0")) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted()
  }

  private static func value(_ number: Int64) -> String { "\(number) " + String(repeating: "x", count: 70) }

  /// Appends single records whose values tell their offsets.
  private static func append<P: PartitionLog>(_ count: Int, to partition: P) throws {
    for _ in 0..<count {
      let offset = partition.highWatermark
      try partition.appendAndWait(makeBatch([value(offset)], timestampMillis: offset, compression: .none))
    }
  }

  private static func isWhole<P: PartitionLog>(_ partition: P) throws -> Bool {
    let records = try readAll(partition, from: partition.startOffset)
    return records.map(\.offset) == Array(partition.startOffset..<partition.highWatermark)
      && records.allSatisfy { $0.value == value($0.offset) }
  }

  /// Nobody waits for what is done in the background, so what it could not do is told: once, until it passes.
  @Test func tellsWhatItCouldNotDo() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let isFull = Atomic(false)
    let clock = TestClock()
    let files = FaultyFiles(clock: clock) { call in
      isFull.load(ordering: .relaxed) && call.path.hasSuffix("partition.meta.tmp") ? .fail(.full()) : nil
    }
    var options = Self.options()
    options.maintenanceNanos = 1_000_000
    let log = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionMillis: Self.hour)))
    let partition = try log.partition("ticks", 0)
    try Self.append(60, to: partition)
    isFull.store(true, ordering: .relaxed)
    clock.advance(millis: 2 * Self.hour)
    let limit = SystemClock().monotonicNanos() + 60_000_000_000
    var told: [MaintenanceFailure] = []
    while told.isEmpty, SystemClock().monotonicNanos() < limit { told = log.takeMaintenanceFailures() }
    #expect(told == [MaintenanceFailure(work: .retention, partition: "ticks-0", error: .diskFull)])
    NamedThread.sleep(nanos: 20_000_000)
    #expect(log.takeMaintenanceFailures() == [])
    isFull.store(false, ordering: .relaxed)
    while partition.startOffset == 0, SystemClock().monotonicNanos() < limit {}
    #expect(partition.startOffset > 0 && log.failure == nil)
  }

  // MARK: What goes

  @Test func keepsAtLeastTheBytesAskedFor() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 2500)))
    let partition = try log.partition("ticks", 0)
    try Self.append(60, to: partition)
    #expect(partition.startOffset == 0, "nothing goes by itself between two looks")
    try log.maintain()
    let start = partition.startOffset
    #expect(start > 0)
    let kept = Self.segments(directory.path)
    #expect(kept.first == String("0000000000000000000\(start)".suffix(20)) + ".log")
    let sizes = kept.map { TestFile.read("\(directory.path)/topics/ticks-0/\($0)").count }
    #expect(sizes.reduce(0, +) >= 2500)
    #expect(sizes.dropFirst().reduce(0, +) < 2500, "and not a segment more")
    for suffix in [".index", ".timeindex"] {
      #expect(Self.segments(directory.path, suffix).count == kept.count, "their indexes went with them")
    }
    #expect(throws: LogError.beforeStart(earliest: start)) { try readAll(partition, from: start - 1) }
    #expect(try Self.isWhole(partition))
    #expect(try partition.offset(atOrAfter: 0) == start)
    log.close()
    let again = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { again.close() }
    let reopened = try again.partition("ticks", 0)
    #expect(reopened.startOffset == start)
    #expect(try Self.isWhole(reopened))
  }

  /// Ages are those of appends, and the last segment grows old with nothing appended to it.
  @Test func letsGoOfWhatIsOld() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let clock = TestClock()
    let policy = TopicPolicy(retentionMillis: 10 * Self.hour, segmentMillis: 3 * Self.hour)
    let log = try SegmentedLog.open(
      directory: directory.path, options: Self.options(), files: FaultyFiles(clock: clock))
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: policy))
    let partition = try log.partition("ticks", 0)
    try Self.append(2, to: partition)
    clock.advance(millis: 3 * Self.hour - 1)
    try log.maintain()
    #expect(Self.segments(directory.path).count == 1)
    clock.advance(millis: 1)
    try log.maintain()
    #expect(Self.segments(directory.path).count == 2, "closed though it is not full")
    clock.advance(millis: 2 * Self.hour)
    try Self.append(1, to: partition)
    clock.advance(millis: 3 * Self.hour)
    try Self.append(1, to: partition)
    #expect(Self.segments(directory.path).count == 3, "an append closes it as well")
    clock.advance(millis: 2 * Self.hour)
    try log.maintain()
    #expect(partition.startOffset == 2)
    clock.advance(millis: 5 * Self.hour)
    try log.maintain()
    #expect(partition.startOffset == 3)
    clock.advance(millis: 10 * Self.hour)
    try log.maintain()
    #expect(partition.startOffset == 4 && partition.highWatermark == 4)
    #expect(Self.segments(directory.path).count == 1)
    try Self.append(1, to: partition)
    #expect(try Self.isWhole(partition))
  }

  @Test func keepsWhatIsHeld() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 0)))
    let partition = try log.partition("ticks", 0)
    partition.release(below: 0)
    try Self.append(50, to: partition)
    try log.maintain()
    #expect(partition.startOffset == 0)
    partition.release(below: 25)
    try log.maintain()
    #expect((13...25).contains(partition.startOffset), "the segment that holds 25 stays")
    partition.release(below: 50)
    try log.maintain()
    #expect(partition.startOffset > 37)
    #expect(try Self.isWhole(partition))
  }

  /// Records of a derived topic are counted by the checkpoints of its fold: what these go on from must be there.
  @Test func keepsADerivedTopicAsFarAsItMayBeCutBack() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    let policy = TopicPolicy(durability: .os, retentionBytes: 0)
    try log.createTopic(TopicSettings(name: "ticks", isDerived: true, policy: policy))
    let partition = try log.partition("ticks", 0)
    try Self.append(50, to: partition)
    try log.maintain()
    #expect(partition.startOffset == 0, "no checkpoint counts any of it")
    partition.release(below: 25)
    try log.maintain()
    #expect((13...25).contains(partition.startOffset))
  }

  // MARK: Readers

  /// Readers in this process and in another read what is there, or are told where it starts now: never anything else.
  @Test func readersFinishOrAreToldTheStart() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 1500)))
    let partition = try log.partition("ticks", 0)
    try Self.append(100, to: partition)
    let other = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    defer { other.close() }
    let isOver = Atomic(false)
    let problems = Mutex<[String]>([])
    let told = Atomic(0)
    let threads = [partition, try other.partition("ticks", 0)].map { reader in
      NamedThread("reader") {
        while !isOver.load(ordering: .relaxed) {
          var offset = reader.startOffset
          var buffer = ByteWriter()
          do {
            while try reader.read(from: offset, maxBytes: 150, into: &buffer) {
              let records = try decode(buffer.bytes).filter { $0.offset >= offset }
              if records.first?.offset != offset || records.contains(where: { $0.value != Self.value($0.offset) }) {
                problems.withLock { $0.append("at \(offset): \(records)") }
              }
              offset = try endOffset(of: buffer.bytes)
              buffer.removeAll()
            }
          } catch LogError.beforeStart(let earliest) {
            if earliest <= offset { problems.withLock { $0.append("\(offset) refused, start \(earliest)") } }
            told.wrappingAdd(1, ordering: .relaxed)
          } catch { problems.withLock { $0.append("at \(offset): \(error)") } }
        }
      }
    }
    for _ in 0..<150 {
      try Self.append(10, to: partition)
      try log.maintain()
    }
    isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    #expect(problems.withLock { Array($0.prefix(3)) } == [])
    #expect(partition.startOffset > 1000)
    print("readers were told the start \(told.load(ordering: .relaxed)) times")
  }

  /// Who reads a log of another process and looks for more only now and then is told the start all the same.
  @Test func aFollowerThatDidNotLookIsToldTheStart() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 0)))
    let partition = try log.partition("ticks", 0)
    try Self.append(50, to: partition)
    let other = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    defer { other.close() }
    let follower = try other.partition("ticks", 0)
    try log.maintain()
    #expect(follower.startOffset == 0)
    let generation = other.generation
    #expect(throws: LogError.beforeStart(earliest: partition.startOffset)) { try readAll(follower) }
    #expect(follower.startOffset == partition.startOffset)
    #expect(other.generation != generation, "who waits hears of what was found")
  }

  // MARK: Crashes

  private static func run(_ log: SegmentedLog<FaultyFiles>, told: (Int64, Int64) -> Void = { _, _ in }) throws {
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 1500)))
    let partition = try log.partition("ticks", 0)
    for _ in 0..<4 {
      for _ in 0..<12 {
        try append(1, to: partition)
        told(partition.startOffset, partition.highWatermark)
      }
      try log.maintain()
      told(partition.startOffset, partition.highWatermark)
    }
  }

  /// What was acknowledged is there from the start on, the start is where it was or one retention later, and no file
  /// is left that belongs to nothing.
  private static func check(_ directory: String, from start: Int64, to end: Int64, _ note: String) throws {
    let log = try EmbeddedLog.open(directory: directory, options: options())
    defer { log.close() }
    guard let partition = try? log.partition("ticks", 0) else {
      #expect(end == 0, "\(note)")
      return
    }
    #expect(partition.startOffset >= start, "\(note)")
    #expect(partition.highWatermark >= end, "\(note): \(end) was acknowledged")
    #expect(try isWhole(partition), "\(note)")
    let bases = segments(directory).compactMap { Int64($0.prefix(20)) }
    #expect(bases.allSatisfy { $0 >= partition.startOffset }, "\(note): \(bases)")
    try append(20, to: partition)
    try log.maintain()
    #expect(try isWhole(partition), "\(note)")
  }

  @Test func survivesAKillAtEveryCall() throws {
    let recorder = CrashRecorder<(start: Int64, end: Int64)>((0, 0))
    let log = try SegmentedLog.open(
      directory: recorder.directory.path, options: Self.options(), files: recorder.files())
    recorder.start()
    try Self.run(log) { start, end in recorder.progress.withLock { $0 = (start, end) } }
    log.close()
    let crashes = recorder.all
    #expect(crashes.contains { $0.note.contains("remove") } && crashes.count > 150)
    for crash in crashes {
      try Self.check(crash.directory.path, from: crash.progress.start, to: crash.progress.end, crash.note)
    }
  }

  @Test(arguments: [false, true]) func survivesTheNthFailure(isFull: Bool) throws {
    let (count, _) = try NthFailure(isFull: isFull).forEachCall(from: (start: Int64(0), end: Int64(0))) {
      (directory, files, told) in
      let log = try SegmentedLog.open(directory: directory, options: Self.options(), files: files)
      defer { log.close() }
      try Self.run(log) { start, end in told((start, end)) }
    } check: { (directory, reached, note) in
      try Self.check(directory, from: reached.start, to: reached.end, note)
    }
    #expect(count > 100)
  }
}
