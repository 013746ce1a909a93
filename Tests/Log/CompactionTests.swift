// Compaction: the newest record of each key stays where it was, whatever happens meanwhile.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct CompactionTests {
  private static let hour: Int64 = 3_600_000
  private static let now: CompactionPolicy = CompactionPolicy(afterMillis: 0, tombstoneMillis: hour, dirtyPercent: 1)

  private static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = 1500
    options.indexIntervalBytes = 200
    // Only when a test says so.
    options.maintenanceNanos = 3_600_000_000_000
    return options
  }

  private static func settings(isDerived: Bool = false, policy: CompactionPolicy = now) -> TopicSettings {
    TopicSettings(
      name: "latest", isDerived: isDerived,
      policy: TopicPolicy(durability: isDerived ? .os : .fsync, compaction: policy))
  }

  private static func append<P: PartitionLog>(
    _ records: [(key: String?, value: String?)], to partition: P
  ) throws {
    var writer = RecordBatchWriter()
    for (index, record) in records.enumerated() {
      let (key, value) = (record.key.map { Array($0.utf8) }, record.value.map { Array($0.utf8) })
      let time = partition.highWatermark * 10 + Int64(index)
      switch (key, value) {
      case (let key?, let value?): writer.append(timestampMillis: time, key: key.span.bytes, value: value.span.bytes)
      case (let key?, nil): writer.append(timestampMillis: time, key: key.span.bytes, value: nil)
      case (nil, let value?): writer.append(timestampMillis: time, key: nil, value: value.span.bytes)
      case (nil, nil): writer.append(timestampMillis: time, key: nil, value: nil)
      }
    }
    try partition.appendAndWait(writer.finish(compression: .none))
  }

  /// Batches of one to five records over `keys` keys; some tombstones, some without a key.
  private static func fill<P: PartitionLog>(
    _ partition: P, batches: Int, keys: Int, _ random: inout SplitMix
  ) throws {
    for _ in 0..<batches {
      let records = (0..<Int.random(in: 1...5, using: &random)).map { _ -> (key: String?, value: String?) in
        let key = "key \(Int.random(in: 0..<keys, using: &random))"
        let value = filler(Int.random(in: 1...60, using: &random), &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return (nil, value)
        case 1: return (key, nil)
        default: return (key, value)
        }
      }
      try append(records, to: partition)
    }
  }

  /// What a compaction of all records below `end` must leave, by a rule of a few lines.
  private static func expected(_ records: [StoredRecord], below end: Int64) -> [StoredRecord] {
    var newest: [String: Int64] = [:]
    for record in records where record.offset < end { if let key = record.key { newest[key] = record.offset } }
    return records.filter { record in
      guard record.offset < end, let key = record.key else { return true }
      return newest[key] == record.offset
    }
  }

  private static func files(_ directory: String) -> [String] {
    ((try? PosixFiles().list("\(directory)/topics/latest-0")) ?? []).filter { $0.hasSuffix(".log") }.sorted()
  }

  /// Where the segment that is still written begins: below it all was compacted.
  private static func activeBase(_ directory: String) -> Int64 {
    files(directory).compactMap { Int64($0.prefix(20)) }.max() ?? 0
  }

  // MARK: What stays

  @Test(arguments: 1...6 as ClosedRange<UInt64>) func keepsTheNewestOfEachKey(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    var all: [StoredRecord] = []
    var expected: [StoredRecord] = []
    for _ in 0..<4 {
      try Self.fill(partition, batches: 60, keys: 15, &random)
      let fresh = try readAll(partition, from: (all.last?.offset ?? -1) + 1)
      (all, expected) = (all + fresh, expected + fresh)
      let bytes = Self.files(directory.path).count
      let end = Self.activeBase(directory.path)
      try log.compact()
      expected = Self.expected(expected, below: end)
      #expect(try readAll(partition) == expected, "seed \(seed)")
      #expect(Self.files(directory.path).count < bytes, "seed \(seed)")
      #expect(partition.highWatermark == Int64(all.count) && partition.startOffset == 0)
    }
    // From each offset, with small reads: the records that are left, and no endless repetition.
    for offset in stride(from: 0, through: partition.highWatermark, by: 7) {
      #expect(try readAll(partition, from: offset, maxBytes: 1) == expected.filter { $0.offset >= offset })
    }
    for time in stride(from: Int64(0), through: all.last?.timestampMillis ?? 0, by: 371) {
      let first = expected.first { $0.timestampMillis >= time }?.offset ?? partition.highWatermark
      #expect(try partition.offset(atOrAfter: time) == first, "seed \(seed), time \(time)")
    }
    log.close()
    let again = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { again.close() }
    #expect(try readAll(again.partition("latest", 0)) == expected, "seed \(seed)")
    #expect(again.tailCuts == [])
    let other = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    #expect(try readAll(other.partition("latest", 0)) == expected, "seed \(seed)")
  }

  @Test func tombstonesStayForTheirGrace() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let clock = TestClock()
    let log = try SegmentedLog.open(
      directory: directory.path, options: Self.options(), files: FaultyFiles(clock: clock))
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    func roll() throws {
      for _ in 0..<20 { try Self.append([("filler", String(repeating: "x", count: 100))], to: partition) }
      try log.compact()
    }
    func has(_ key: String) throws -> Bool { try readAll(partition).contains { $0.key == key } }
    try Self.append([("gone", "here")], to: partition)
    try Self.append([("gone", nil)], to: partition)
    try roll()
    #expect(try readAll(partition).filter { $0.key == "gone" }.map(\.value) == [nil])
    clock.advance(millis: Self.hour - 1)
    try Self.append([("later", nil)], to: partition)
    try roll()
    #expect(try has("gone") && has("later"))
    clock.advance(millis: 1)
    try roll()
    #expect(try !has("gone") && has("later"), "each tombstone has a grace of its own")
    clock.advance(millis: Self.hour)
    try roll()
    #expect(try !has("later"))
    #expect(try readAll(partition).filter { $0.offset < 2 } == [])
  }

  @Test func goesNoFurtherThanItMay() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let clock = TestClock()
    let log = try SegmentedLog.open(
      directory: directory.path, options: Self.options(), files: FaultyFiles(clock: clock))
    defer { log.close() }
    var policy = CompactionPolicy(afterMillis: Self.hour, tombstoneMillis: 0, dirtyPercent: 99)
    try log.createTopic(Self.settings(isDerived: true, policy: policy))
    let partition = try log.partition("latest", 0)
    for number in 0..<200 { try Self.append([("k", "\(number) .......................")], to: partition) }
    let all = try readAll(partition)
    try log.compact()
    clock.advance(millis: Self.hour)
    try log.compact()
    #expect(try readAll(partition) == all, "a derived topic is held until its task lets go")
    partition.release(below: 100)
    try log.compact()
    let kept = try readAll(partition)
    #expect(kept.count < 115 && kept.suffix(100) == all.suffix(100))
    // Dirty enough only when as much came again.
    partition.release(below: 120)
    try log.compact()
    #expect(try readAll(partition) == kept)
    policy.dirtyPercent = 1
    try log.createTopic(Self.settings(isDerived: true, policy: policy))
    try log.compact()
    #expect(try readAll(partition).count < kept.count)
  }

  /// With too little memory for all keys it goes as far as there is room, and on from there.
  @Test func isBoundedInKeys() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    var options = Self.options()
    options.compactionKeysMax = 7
    let log = try EmbeddedLog.open(directory: directory.path, options: options)
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    var random = SplitMix(seed: 9)
    try Self.fill(partition, batches: 100, keys: 30, &random)
    let all = try readAll(partition)
    let newest = Self.expected(all, below: Self.activeBase(directory.path))
    for _ in 0..<40 {
      try log.compact()
      // Never is the newest of a key lost on the way.
      let kept = try readAll(partition)
      #expect(Self.expected(kept, below: Self.activeBase(directory.path)) == newest)
    }
    #expect(try readAll(partition).count < all.count)
  }

  // MARK: Derived topics are cut through what was compacted

  @Test(arguments: 1...4 as ClosedRange<UInt64>) func isCutAndMadeAgain(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    try log.createTopic(Self.settings(isDerived: true))
    let partition = try log.partition("latest", 0)
    let records = (0..<300).map { number in
      (key: "key \(number * 7 % 11)" as String?, value: "\(number) ....................." as String?)
    }
    func append(from first: Int) throws {
      var next = first
      while next < records.count {
        let end = min(next + Int.random(in: 1...6, using: &random), records.count)
        try Self.append(Array(records[next..<end]), to: partition)
        next = end
      }
    }
    try append(from: 0)
    for cut in (0..<12).map({ _ in Int.random(in: 0..<300, using: &random) }) + [0] {
      partition.release(below: 300)
      try log.compact()
      let kept = try readAll(partition)
      try partition.truncate(to: Int64(cut))
      #expect(partition.highWatermark == Int64(cut))
      #expect(
        try readAll(partition).map(\.value) == kept.filter { $0.offset < cut }.map(\.value), "seed \(seed) \(cut)")
      try append(from: cut)
      let again = try readAll(partition)
      #expect(again.filter { $0.offset >= cut }.map(\.value) == records[cut...].map(\.value), "seed \(seed) \(cut)")
      // What a key is worth now is what it always was.
      for key in Set(records.map(\.key)) {
        #expect(again.last { $0.key == key }?.value == records.last { $0.key == key }?.value, "seed \(seed) \(cut)")
      }
    }
    log.close()
    let reopened = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    #expect(try readAll(reopened.partition("latest", 0)).last?.value == records.last?.value)
    reopened.close()
  }

  // MARK: Readers, crashes, damage

  @Test func readersSeeNoneOfIt() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    for number in 0..<100 { try Self.append([("\(number % 7)", "\(number)")], to: partition) }
    let other = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    defer { other.close() }
    let isOver = Atomic(false)
    let problems = Mutex<[String]>([])
    let threads = [partition, try other.partition("latest", 0)].map { reader in
      NamedThread("reader") {
        while !isOver.load(ordering: .relaxed) {
          do {
            let end = reader.highWatermark
            let records = try readAll(reader, maxBytes: 200)
            let isRight = records.allSatisfy { $0.value == "\($0.offset)" && $0.key == "\($0.offset % 7)" }
            let isAscending = zip(records, records.dropFirst()).allSatisfy { $0.offset < $1.offset }
            // Of each key the newest is there, whenever it was looked at.
            let isComplete = Set(records.map(\.key)).count == 7 && (records.last?.offset ?? 0) >= end - 1
            if !isRight || !isAscending || !isComplete { problems.withLock { $0.append("\(end): \(records)") } }
          } catch { problems.withLock { $0.append("\(error)") } }
        }
      }
    }
    var number = 100
    for _ in 0..<60 {
      for _ in 0..<20 {
        try Self.append([("\(number % 7)", "\(number)")], to: partition)
        number += 1
      }
      try log.compact()
    }
    isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    #expect(problems.withLock { Array($0.prefix(2)) } == [])
  }

  private static func run(_ log: SegmentedLog<FaultyFiles>, told: (Int64) -> Void = { _ in }) throws {
    try log.createTopic(settings())
    let partition = try log.partition("latest", 0)
    for number in 0..<60 {
      try append([("\(number % 5)", "\(number) ...................................")], to: partition)
      told(partition.highWatermark)
      if number % 25 == 24 { try log.compact() }
    }
  }

  /// Below the end the newest record of each key is there, each record is right, and each offset is accounted for.
  private static func check(_ directory: String, to end: Int64, _ note: String) throws {
    let log = try EmbeddedLog.open(directory: directory, options: options())
    defer { log.close() }
    guard let partition = try? log.partition("latest", 0) else {
      #expect(end == 0, "\(note)")
      return
    }
    #expect(partition.highWatermark >= end, "\(note)")
    let records = try readAll(partition)
    #expect(records.allSatisfy { $0.value == "\($0.offset) ..................................." }, "\(note)")
    let newest = max(0, partition.highWatermark - 5)..<partition.highWatermark
    #expect(Set(newest).isSubset(of: records.map(\.offset)), "\(note): \(records)")
    let strays = files(directory).filter { $0.split(separator: ".").count == 3 }.count
    #expect(strays <= 1, "\(note): \(files(directory))")
    try log.compact()
    #expect(Set(newest).isSubset(of: try readAll(partition).map(\.offset)), "\(note)")
  }

  @Test func survivesAKillAtEveryCall() throws {
    let recorder = CrashRecorder<Int64>(0)
    let log = try SegmentedLog.open(
      directory: recorder.directory.path, options: Self.options(), files: recorder.files())
    recorder.start()
    try Self.run(log) { end in recorder.progress.withLock { $0 = end } }
    log.close()
    let crashes = recorder.all
    #expect(crashes.filter { $0.note.contains(".1.log") }.count >= 4 && crashes.contains { $0.note.contains("remove") })
    for crash in crashes { try Self.check(crash.directory.path, to: crash.progress, crash.note) }
  }

  @Test(arguments: [false, true]) func survivesTheNthFailure(isFull: Bool) throws {
    let (count, _) = try NthFailure(isFull: isFull).forEachCall(from: Int64(0)) { (directory, files, told) in
      let log = try SegmentedLog.open(directory: directory, options: Self.options(), files: files)
      defer { log.close() }
      try Self.run(log, told: told)
    } check: { (directory, end, note) in
      try Self.check(directory, to: end, note)
    }
    #expect(count > 100)
  }

  /// A copy without what is damaged would hide the damage: nothing is compacted, and the bytes stay for a repair.
  /// Whether a manifest took its name before a failure is not known: it may tell of what would be written next.
  @Test func doesNotCompactAFailedLog() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let isFailing = Atomic(false)
    let created = Atomic(0)
    let files = FaultyFiles { call in
      guard isFailing.load(ordering: .relaxed) else { return nil }
      if call.kind == .create, call.path.hasSuffix(".1.log") { created.wrappingAdd(1, ordering: .relaxed) }
      let isHit = call.kind == .rename && call.path.hasSuffix("partition.meta")
      return isHit ? .fail(.inputOutput("rename")) : nil
    }
    let log = try SegmentedLog.open(directory: directory.path, options: Self.options(), files: files)
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    var random = SplitMix(seed: 1)
    try Self.fill(partition, batches: 60, keys: 5, &random)
    isFailing.store(true, ordering: .relaxed)
    for _ in 0..<2 { #expect(throws: LogError.failed("rename: error 5")) { try log.compact() } }
    #expect(created.load(ordering: .relaxed) == 1)
  }

  @Test func doesNotCompactOverDamage() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    for number in 0..<100 { try Self.append([("\(number % 7)", "\(number)")], to: partition) }
    let before = Self.files(directory.path)
    let path = "\(directory.path)/topics/latest-0/\(before[1])"
    var bytes = TestFile.read(path)
    bytes[bytes.count / 2] ^= 1
    TestFile.write(bytes, to: path)
    for _ in 0..<2 {
      let error = #expect(throws: LogError.self) { try log.compact() }
      guard case .corrupt(path, _, _) = error else {
        Issue.record("compacted over damage: \(String(describing: error))")
        return
      }
    }
    // In the background nobody waits for the answer: it is told all the same, and once.
    let told = log.takeMaintenanceFailures()
    #expect(told.map(\.partition) == ["latest-0"] && told.map(\.work) == [.compaction], "\(told)")
    #expect(throws: LogError.self) { try log.compact() }
    #expect(log.takeMaintenanceFailures() == [])
    #expect(Self.files(directory.path) == before)
    #expect(log.failure == nil)
    try Self.append([("on", "it goes")], to: partition)
  }

  @Test func happensByItself() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    var options = Self.options()
    options.maintenanceNanos = 2_000_000
    let log = try EmbeddedLog.open(directory: directory.path, options: options)
    defer { log.close() }
    try log.createTopic(Self.settings())
    let partition = try log.partition("latest", 0)
    for number in 0..<100 { try Self.append([("k", "\(number)")], to: partition) }
    let limit = SystemClock().monotonicNanos() + 60_000_000_000
    while try readAll(partition).count > 50, SystemClock().monotonicNanos() < limit {
      NamedThread.sleep(nanos: 1_000_000)
    }
    #expect(try readAll(partition).count <= 50)
  }
}
