// `log repair`: afterwards the log opens, every record that could be read is at its offset, and what was cut is kept.

import Kit
import Log
import Testing

@Suite struct LogRepairTests {
  private static func repair(_ directory: String) throws -> RepairPlan {
    let survey = LogSurvey(directory: directory, files: PosixFiles())
    let repair = LogRepair(survey, knownTopics: [], options: DamageTests.options())
    let lock = try LogRepair.lock(survey)
    return try withExtendedLifetime(lock) { try repair.apply(try repair.plan("ticks-0")) }
  }

  private static func findings(_ directory: String) throws -> [LogDamage] {
    var found: [LogDamage] = []
    var verifier = LogVerifier(LogSurvey(directory: directory, files: PosixFiles()), report: { found.append($0) })
    _ = try verifier.run(["ticks-0"])
    return found
  }

  /// Opens the log and compares: a lost record has neither key nor value, all others are what they were.
  private static func check(
    _ stored: DamageTests.Stored, lost: Range<Int64>, _ comment: Comment, location: SourceLocation = #_sourceLocation
  ) throws {
    let found = try Self.findings(stored.directory.path)
    #expect(found == [], comment, sourceLocation: location)
    let log = try DamageTests.open(stored)
    defer { log.close() }
    let records = try readAll(log.partition("ticks", 0))
    #expect(records.map(\.offset) == stored.records.map(\.offset), comment, sourceLocation: location)
    for (record, original) in zip(records, stored.records) {
      if lost.contains(record.offset) {
        #expect(record.key == nil && record.value == nil, comment, sourceLocation: location)
      } else {
        #expect(record == original, comment, sourceLocation: location)
      }
    }
    #expect(log.tailCuts.isEmpty, comment, sourceLocation: location)
  }

  /// The batches of all segments, with the files they are in.
  private static func batches(_ stored: DamageTests.Stored) throws -> [(file: String, batch: StoredBatch)] {
    let survey = LogSurvey(directory: stored.directory.path, files: PosixFiles())
    var batches: [(String, StoredBatch)] = []
    for segment in try survey.partition("ticks-0").segments {
      try survey.forEachPart(of: segment) { if case .batch(let batch) = $0 { batches.append((segment.file, batch)) } }
    }
    return batches
  }

  /// A byte of each batch but the last, at each place of its header and at some behind: only that batch is lost, and
  /// not even that one where only its offset or epoch, which can be known, were hit.
  @Test func losesTheDamagedBatchOnly() throws {
    let stored = try DamageTests.store()
    for (file, batch) in try Self.batches(stored).dropLast() {
      for place in Array(0..<61) + [70, batch.byteCount - 1] {
        let copy = stored.copied()
        let path = file.replacing(stored.directory.path, with: copy.directory.path)
        var bytes = TestFile.read(path)
        bytes[Int(batch.byte) + place] ^= 0x21
        TestFile.write(bytes, to: path)
        let plan = try Self.repair(copy.directory.path)
        let isPrefix = place < 8 || (12..<16).contains(place)
        let lost = isPrefix ? 0..<0 : batch.baseOffset..<batch.lastOffset + 1
        try Self.check(copy, lost: lost, "byte \(batch.byte) + \(place) of \(file)")
        #expect(plan.lostRecords == Int64(lost.count))
        #expect(plan.asides.count == (isPrefix ? 0 : 1))
        // What was cut is what stood there.
        if let aside = plan.asides.first {
          #expect(TestFile.read(aside) == Array(bytes[Int(batch.byte)..<Int(batch.byte) + batch.byteCount]))
          #expect(aside == "\(path).cut-\(batch.byte)")
        }
      }
    }
  }

  @Test func planningChangesNothing() throws {
    let stored = try DamageTests.store()
    var bytes = stored.bytes
    bytes[stored.batches[1].position + 80] ^= 1
    TestFile.write(bytes, to: stored.lastSegment)
    let survey = LogSurvey(directory: stored.directory.path, files: PosixFiles())
    let plan = try LogRepair(survey, knownTopics: []).plan("ticks-0")
    #expect(plan.steps.count == 2 && plan.lostRecords > 0)
    #expect(TestFile.read(stored.lastSegment) == bytes)
  }

  @Test func putsALostSegmentsRecordsDownAsLost() throws {
    let stored = try DamageTests.store()
    let survey = LogSurvey(directory: stored.directory.path, files: PosixFiles())
    let segments = try survey.partition("ticks-0").segments
    #expect(TestFile.remove(segments[1].file))
    let plan = try Self.repair(stored.directory.path)
    let lost = segments[1].baseOffset..<segments[2].baseOffset
    #expect(plan.lostRecords == Int64(lost.count))
    try Self.check(stored, lost: lost, "a segment is gone")
  }

  @Test func cutsATornTailAndKeepsIt() throws {
    let stored = try DamageTests.store()
    let tail = [UInt8](repeating: 7, count: 300)
    TestFile.write(stored.bytes + tail, to: stored.lastSegment)
    let plan = try Self.repair(stored.directory.path)
    #expect(plan.asides.map { TestFile.read($0) } == [tail])
    try Self.check(stored, lost: 0..<0, "a tail of garbage")
  }

  @Test func writesALostManifestAnew() throws {
    for isEmptied in [false, true] {
      let stored = try DamageTests.store()
      let path = stored.path("partition.meta")
      if isEmptied { TestFile.write([1, 2], to: path) } else { #expect(TestFile.remove(path)) }
      _ = try Self.repair(stored.directory.path)
      try Self.check(stored, lost: 0..<0, "no manifest")
    }
  }

  @Test func repairsIndexesAndMovesStraysAside() throws {
    let stored = try DamageTests.store()
    let stray = stored.path(DamageTests.Stored.segment(99_999))
    TestFile.write([1, 2, 3], to: stray)
    TestFile.write([], to: stored.path(DamageTests.Stored.segment(0, "timeindex")))
    let plan = try Self.repair(stored.directory.path)
    #expect(plan.asides == [stray + ".cut"] && TestFile.read(stray + ".cut") == [1, 2, 3])
    try Self.check(stored, lost: 0..<0, "an index and a stray")
    #expect(
      try LogRepair(LogSurvey(directory: stored.directory.path, files: PosixFiles()), knownTopics: [])
        .plan("ticks-0").steps.isEmpty)
  }

  /// Many kinds of damage at once, in all segments, of seeded choice: the log opens, and no record is a wrong one.
  @Test func opensAfterAnyDamage() throws {
    for seed in 1...60 as ClosedRange<UInt64> {
      var random = SplitMix(seed: seed)
      let stored = try DamageTests.store()
      for segment in try LogSurvey(directory: stored.directory.path, files: PosixFiles()).partition("ticks-0").segments
      {
        var bytes = TestFile.read(segment.file)
        for _ in 0..<Int.random(in: 0...3, using: &random) {
          let start = Int.random(in: 0..<bytes.count, using: &random)
          let end = min(bytes.count, start + Int.random(in: 1...400, using: &random))
          switch Int.random(in: 0...4, using: &random) {
          case 0: for place in start..<end { bytes[place] = 0 }
          case 1: for place in start..<end { bytes[place] = .random(in: 0...255, using: &random) }
          case 2: bytes.removeSubrange(start..<end)
          case 3: bytes.insert(contentsOf: bytes[start..<end], at: Int.random(in: 0...bytes.count, using: &random))
          default: bytes.removeLast(bytes.count - start)
          }
          if bytes.isEmpty { break }
        }
        TestFile.write(bytes, to: segment.file)
      }
      _ = try Self.repair(stored.directory.path)
      #expect(try Self.findings(stored.directory.path) == [], "seed \(seed)")
      let log = try DamageTests.open(stored)
      defer { log.close() }
      let records = try readAll(log.partition("ticks", 0))
      #expect(records.map(\.offset) == Array(0..<Int64(records.count)), "seed \(seed)")
      for record in records where record.value != nil {
        #expect(record == stored.records[Int(record.offset)], "seed \(seed)")
      }
      try log.partition("ticks", 0).appendAndWait(makeBatch(["next"]))
    }
  }

  @Test func endsADerivedPartitionAtItsFirstDamage() throws {
    for number in [0, 3, 7, 12] {
      let stored = try DamageTests.store(isDerived: true)
      let (file, batch) = try Self.batches(stored)[number]
      var bytes = TestFile.read(file)
      bytes[Int(batch.byte) + 64] ^= 1
      TestFile.write(bytes, to: file)
      let plan = try Self.repair(stored.directory.path)
      #expect(!plan.asides.isEmpty && plan.lostRecords == 0)
      let log = try DamageTests.open(stored)
      defer { log.close() }
      #expect(try readAll(log.partition("ticks", 0)) == Array(stored.records[..<Int(batch.baseOffset)]))
    }
  }

  @Test func refusesALogThatIsWritten() throws {
    let stored = try DamageTests.store()
    let log = try DamageTests.open(stored)
    defer { log.close() }
    #expect(throws: LogError.locked(directory: stored.directory.path)) { try Self.repair(stored.directory.path) }
  }
}

extension DamageTests.Stored {
  /// The same in a directory of its own.
  fileprivate func copied() -> Self {
    var other = self
    let directory = self.directory.copy()
    other.lastSegment = lastSegment.replacing(self.directory.path, with: directory.path)
    other.directory = directory
    return other
  }
}
