// `log verify` and what it stands on: every damaged byte is named, and all damage in one run.

import Core
import Kit
import Log
import Testing

@Suite struct LogVerifierTests {
  private static func verify(_ directory: String) throws -> (found: [LogDamage], totals: VerifiedLog) {
    let survey = LogSurvey(directory: directory, files: PosixFiles())
    var found: [LogDamage] = []
    var verifier = LogVerifier(survey, report: { found.append($0) })
    let totals = try verifier.run(try survey.partitions())
    return (found, totals)
  }

  private static func verify(_ stored: DamageTests.Stored) throws -> [LogDamage] {
    try verify(stored.directory.path).found
  }

  @Test func findsNothingInAWholeLog() throws {
    let stored = try DamageTests.store()
    let (found, totals) = try Self.verify(stored.directory.path)
    #expect(found == [])
    #expect(totals.partitions == 1 && totals.segments == 3 && totals.records == Int64(stored.records.count))
    #expect(totals.damages == 0 && totals.passingDamages == 0)
  }

  /// Beside an open writer that appends and rolls all the time.
  @Test func findsNothingInALogThatIsWritten() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path, options: DamageTests.options())
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    let hasEnded = Monitor(false)
    let writer = NamedThread("test-writer") {
      var number = 0
      while !hasEnded.withLock({ $0 }), number < 20_000 {
        for _ in 0..<20 {
          try? partition.append(
            makeBatch(["\(number)", "\(number + 1)"], timestampMillis: Int64(number)), completion: nil)
          number += 1
        }
        try? partition.sync()
      }
    }
    defer {
      hasEnded.withLock { $0 = true }
      writer.join()
      log.close()
    }
    var seen: Int64 = 0
    var rounds = 0
    while rounds < 20 || seen < 1000, rounds < 20_000 {
      rounds += 1
      let (found, totals) = try Self.verify(directory.path)
      #expect(found == [])
      seen = max(seen, totals.records)
    }
    #expect(seen >= 1000)
  }

  /// Each byte of each segment: one finding, of the batch that holds the byte. Nothing else is named.
  @Test func namesTheBatchOfEachFlippedByte() throws {
    let stored = try DamageTests.store()
    let survey = LogSurvey(directory: stored.directory.path, files: PosixFiles())
    for segment in try survey.partition("ticks-0").segments {
      var starts: [Int64] = []
      try survey.forEachPart(of: segment) { if case .batch(let batch) = $0 { starts.append(batch.byte) } }
      let bytes = TestFile.read(segment.file)
      for place in bytes.indices {
        for mask in [1, 0x80] as [UInt8] {
          var damaged = bytes
          damaged[place] ^= mask
          TestFile.write(damaged, to: segment.file)
          let found = try Self.verify(stored)
          let start = try #require(starts.last { $0 <= place })
          #expect(found.map(\.file) == [segment.file] && found.map(\.byte) == [start], "byte \(place) ^ \(mask)")
          let isTail = !segment.isSealed && start == starts.last
          #expect(isTail || found.map(\.kind) == [.segment], "byte \(place) ^ \(mask): \(found)")
        }
      }
      TestFile.write(bytes, to: segment.file)
    }
    #expect(try Self.verify(stored) == [])
  }

  /// Each byte of each index file.
  @Test func namesEachFlippedByteOfAnIndex() throws {
    let stored = try DamageTests.store()
    for segment in try LogSurvey(directory: stored.directory.path, files: PosixFiles()).partition("ticks-0").segments {
      for suffix in ["index", "timeindex"] {
        let path = String(segment.file.dropLast(3)) + suffix
        let bytes = TestFile.read(path)
        #expect(!bytes.isEmpty || suffix == "index")
        for place in bytes.indices {
          var damaged = bytes
          damaged[place] ^= 0x04
          TestFile.write(damaged, to: path)
          let found = try Self.verify(stored)
          #expect(!found.isEmpty && found.allSatisfy { $0.kind == .index && $0.file == path }, "\(path) byte \(place)")
        }
        TestFile.write(bytes, to: path)
      }
    }
  }

  @Test func namesAllDamageInOneRun() throws {
    let stored = try DamageTests.store()
    let survey = LogSurvey(directory: stored.directory.path, files: PosixFiles())
    let segments = try survey.partition("ticks-0").segments
    for segment in segments {
      var bytes = TestFile.read(segment.file)
      bytes[65] ^= 1
      bytes[bytes.count / 2] ^= 1
      TestFile.write(bytes, to: segment.file)
    }
    TestFile.write([1, 2, 3], to: stored.path(DamageTests.Stored.segment(99_999)))
    TestFile.write([], to: String(segments[0].file.dropLast(3)) + "index")
    let (found, totals) = try Self.verify(stored.directory.path)
    for segment in segments { #expect(found.filter { $0.file == segment.file }.count == 2) }
    #expect(found.contains { $0.kind == .manifest && $0.reason.contains("does not know") })
    #expect(found.contains { $0.kind == .index })
    #expect(totals.damages == 7 && totals.passingDamages == 1)
  }

  @Test(arguments: ["torn", "zeros", "garbage"]) func callsATornTailOne(tail: String) throws {
    let stored = try DamageTests.store()
    stored.forgetMark()
    var random = SplitMix(seed: 11)
    var bytes = stored.bytes
    switch tail {
    case "torn": bytes.removeLast(7)
    case "zeros": bytes += [UInt8](repeating: 0, count: 5000)
    default: bytes += (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    TestFile.write(bytes, to: stored.lastSegment)
    let (found, totals) = try Self.verify(stored.directory.path)
    #expect(found.map(\.kind) == [.tail] && totals.damages == 0 && totals.passingDamages == 1)
    try DamageTests.open(stored).close()
    #expect(try Self.verify(stored) == [])
  }

  @Test func namesWhatIsMissing() throws {
    let stored = try DamageTests.store()
    let meta = TestFile.read(stored.path("partition.meta"))
    TestFile.write([9] + meta, to: stored.path("partition.meta"))
    // The segments are walked all the same.
    var (found, totals) = try Self.verify(stored.directory.path)
    #expect(found.map(\.kind) == [.manifest] && totals.records == Int64(stored.records.count))
    TestFile.write(meta, to: stored.path("partition.meta"))
    let sealed = stored.path(DamageTests.Stored.segment(0))
    TestFile.write([], to: sealed)
    (found, totals) = try Self.verify(stored.directory.path)
    #expect(found.map(\.file) == [sealed] && found[0].reason.contains("sealed with"))
    #expect(totals.segments == 3)
  }
}
