// Stored bytes that are not those that were written: torn, flipped, missing. Never a wrong record, never a trap.

import Codecs
import Core
import Glibc
import Kit
import Log
import Testing

@Suite struct DamageTests {
  /// A closed log of one partition, and what it holds.
  struct Stored {
    var directory = TemporaryDirectory(in: fastDirectory)
    var records: [StoredRecord] = []
    /// Where the last segment's batches begin, and which offset each begins with.
    var lastSegment = ""
    var batches: [(position: Int, offset: Int64)] = []
    var bytes: [UInt8] = []

    func path(_ name: String) -> String { "\(directory.path)/topics/ticks-0/\(name)" }
    /// As a power failure may leave it: nothing says how far the last segment was on disk.
    func forgetMark() { unlink(path("durable.end")) }
    static func segment(_ offset: Int64, _ suffix: String = "log") -> String {
      String(repeating: "0", count: 20 - "\(offset)".count) + "\(offset).\(suffix)"
    }
  }

  static func options(segmentBytes: Int64 = 1100) -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = segmentBytes
    options.indexIntervalBytes = 250
    return options
  }

  static func store(isDerived: Bool = false) throws -> Stored {
    var stored = Stored()
    let log = try EmbeddedLog.open(directory: stored.directory.path, options: options())
    try log.createTopic(TopicSettings(name: "ticks", isDerived: isDerived))
    let partition = try log.partition("ticks", 0)
    // Until there are two sealed segments, and some batches in the last one.
    var segments = 0
    var batchesInSegment = 0
    while segments < 3 || batchesInSegment < 6 {
      let index = stored.batches.count
      let batch = makeBatch((0...index % 3).map { "\(index).\($0)" }, timestampMillis: Int64(index) * 10)
      let offset = try partition.appendAndWait(batch)
      stored.batches.append((batch.bytes.count, offset))
      batchesInSegment += 1
      if TestFile.exists(stored.path(Stored.segment(offset))) {
        segments += 1
        batchesInSegment = 1
      }
    }
    stored.records = try readAll(partition)
    log.close()
    // Sizes become positions in the last segment.
    var base: Int64 = 0
    for batch in stored.batches where TestFile.exists(stored.path(Stored.segment(batch.offset))) { base = batch.offset }
    stored.lastSegment = stored.path(Stored.segment(base))
    stored.bytes = TestFile.read(stored.lastSegment)
    var position = 0
    stored.batches = stored.batches.filter { $0.offset >= base }.map { batch in
      defer { position += batch.position }
      return (position, batch.offset)
    }
    #expect(position == stored.bytes.count)
    #expect(base > 0 && stored.batches.count >= 5)
    return stored
  }

  static func open(_ stored: Stored) throws -> EmbeddedLog {
    // Large segments now, so that no round of a test changes more than the last one.
    try EmbeddedLog.open(directory: stored.directory.path, options: options(segmentBytes: 1 << 20))
  }

  /// How many of the records lie in whole batches before byte `end` of the last segment.
  private static func recordsBefore(_ end: Int, _ stored: Stored) -> Int {
    var whole = stored.batches[0].offset
    for (index, batch) in stored.batches.enumerated() {
      let next = index + 1 < stored.batches.count ? stored.batches[index + 1].position : stored.bytes.count
      let nextOffset =
        index + 1 < stored.batches.count ? stored.batches[index + 1].offset : Int64(stored.records.count)
      if next <= end, batch.position < end { whole = nextOffset }
    }
    return Int(whole)
  }

  // MARK: The tail

  /// The last segment ends at every byte, followed by nothing, by zeros, or by garbage; with its index and without.
  @Test(arguments: ["nothing", "zeros", "garbage"], [true, false])
  func cutsATornTailAtEveryByte(then tail: String, hasIndex: Bool) throws {
    let stored = try Self.store()
    var random = SplitMix(seed: 11)
    let indexes = [".index", ".timeindex"].map { String(stored.lastSegment.dropLast(4)) + $0 }
    let kept = indexes.map { TestFile.read($0) }
    for cut in 0...stored.bytes.count {
      var bytes = Array(stored.bytes[..<cut])
      if tail == "zeros" { bytes += [UInt8](repeating: 0, count: 300) }
      if tail == "garbage" { bytes += (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) } }
      TestFile.write(bytes, to: stored.lastSegment)
      for (path, content) in zip(indexes, kept) { TestFile.write(hasIndex ? content : [], to: path) }
      stored.forgetMark()
      let log = try Self.open(stored)
      defer { log.close() }
      let partition = try log.partition("ticks", 0)
      // Zeros may be just what stood there.
      let same = zip(bytes, stored.bytes).prefix { $0 == $1 }.count
      let count = Self.recordsBefore(same, stored)
      #expect(partition.highWatermark == Int64(count), "cut at \(cut)")
      #expect(try readAll(partition) == Array(stored.records[..<count]), "cut at \(cut)")
      #expect(log.tailCuts.isEmpty == (bytes.count == Self.end(of: count, stored)), "cut at \(cut)")
      // The next append gets the next offset, and is read.
      #expect(try partition.appendAndWait(makeBatch(["next"])) == Int64(count), "cut at \(cut)")
      #expect(try readAll(partition).last?.value == "next", "cut at \(cut)")
    }
  }

  private static func end(of count: Int, _ stored: Stored) -> Int {
    stored.batches.first { $0.offset == Int64(count) }?.position ?? stored.bytes.count
  }

  /// Each bit of the last segment: either what is damaged is the tail and cut, or it is refused by file and byte.
  @Test func refusesAFlippedBitOrCutsTheTail() throws {
    let stored = try Self.store()
    let indexes = [".index", ".timeindex"].map { String(stored.lastSegment.dropLast(4)) + $0 }
    var refused = 0
    var cut = 0
    for bit in 0..<stored.bytes.count * 8 {
      var bytes = stored.bytes
      bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
      TestFile.write(bytes, to: stored.lastSegment)
      // Without an index the whole segment is looked at.
      for path in indexes { TestFile.write([], to: path) }
      stored.forgetMark()
      let damaged = stored.batches.last { $0.position <= bit / 8 }
      let (position, offset) = try #require(damaged)
      do {
        let log = try Self.open(stored)
        defer { log.close() }
        let partition = try log.partition("ticks", 0)
        #expect(offset == stored.batches.last?.offset, "bit \(bit) was passed over")
        #expect(try readAll(partition) == Array(stored.records[..<Int(offset)]), "bit \(bit)")
        #expect(log.tailCuts.map(\.byte) == [Int64(position)], "bit \(bit)")
        cut += 1
      } catch LogError.corrupt(let file, let byte, _) {
        #expect(offset != stored.batches.last?.offset, "bit \(bit) of the tail was refused")
        #expect(file == stored.lastSegment && byte == Int64(position), "bit \(bit): \(file) \(byte)")
        refused += 1
      }
    }
    #expect(refused > 0 && cut > 0)
  }

  /// Where opening the log finds damage; nil if it opens.
  private static func refusal(_ directory: String) -> (file: String, byte: Int64)? {
    do {
      try EmbeddedLog.open(directory: directory, options: options(segmentBytes: 1 << 20)).close()
    } catch {
      if case .corrupt(let file, let byte, _) = error { return (file, byte) }
    }
    return nil
  }

  /// The mark tells damage from a torn tail: nothing that was acknowledged is cut, wherever it is damaged or missing.
  @Test func refusesToCutWhatWasAcknowledged() throws {
    let stored = try Self.store()
    let indexes = [".index", ".timeindex"].map { String(stored.lastSegment.dropLast(4)) + $0 }
    let mark = TestFile.read(stored.path("durable.end"))
    func expectRefusal(_ bytes: [UInt8], at position: Int, _ note: String) throws {
      TestFile.write(bytes, to: stored.lastSegment)
      for path in indexes { TestFile.write([], to: path) }
      TestFile.write(mark, to: stored.path("durable.end"))
      let refused = Self.refusal(stored.directory.path)
      #expect(refused?.file == stored.lastSegment && refused?.byte == Int64(position), "\(note)")
      #expect(TestFile.read(stored.lastSegment) == bytes, "\(note): nothing is changed")
      #expect(throws: LogError.self, "\(note)") {
        try EmbeddedLog.open(directory: stored.directory.path, readOnly: true)
      }
    }
    for cut in 0..<stored.bytes.count {
      let last = try #require(stored.batches.last { $0.position <= cut })
      try expectRefusal(Array(stored.bytes[..<cut]), at: last.position, "the end from \(cut) on")
    }
    let last = try #require(stored.batches.last)
    for bit in last.position * 8..<stored.bytes.count * 8 {
      var bytes = stored.bytes
      bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
      try expectRefusal(bytes, at: last.position, "bit \(bit)")
    }
    // What lies behind it never was acknowledged.
    TestFile.write(stored.bytes + [1, 2, 3], to: stored.lastSegment)
    TestFile.write(mark, to: stored.path("durable.end"))
    let log = try Self.open(stored)
    defer { log.close() }
    #expect(try readAll(log.partition("ticks", 0)) == stored.records)
    let cut = try #require(log.tailCuts.first)
    #expect(cut.byte == Int64(stored.bytes.count))
    let kept = try #require(cut.keptIn)
    #expect(TestFile.read(kept) == [1, 2, 3])
  }

  /// A damaged mark says nothing, and stops nothing.
  @Test func aDamagedMarkIsNone() throws {
    let stored = try Self.store()
    let mark = TestFile.read(stored.path("durable.end"))
    for place in mark.indices {
      var bytes = mark
      bytes[place] ^= 1
      TestFile.write(bytes, to: stored.path("durable.end"))
      let log = try Self.open(stored)
      #expect(try readAll(log.partition("ticks", 0)) == stored.records)
      log.close()
      #expect(TestFile.read(stored.path("durable.end")) == mark, "and it is there again")
    }
  }

  /// Batches of one write that was not synced: a power failure may have kept any of them, in any combination. All of
  /// them are cut from the first one that is missing. But a batch that was written after a later sync proves that those
  /// before were on disk: damage among them is refused.
  @Test func recoversAnUnsyncedTailInAnyOrderOfLoss() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let options = Self.options(segmentBytes: 1 << 20)
    let log = try SegmentedLog.openManual(directory: directory.path, options: options, files: PosixFiles())
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    var rounds: [[Range<Int>]] = []
    var position = 0
    for round in 0..<3 {
      var ranges: [Range<Int>] = []
      for number in 0..<4 {
        let batch = makeBatch(["\(round) \(number)"], timestampMillis: 1, compression: .none)
        ranges.append(position..<position + batch.bytes.count)
        position += batch.bytes.count
        try partition.append(batch, completion: nil)
      }
      _ = log.turn()
      rounds.append(ranges)
    }
    let crash = directory.copy()
    log.close()
    let path = "\(crash.path)/topics/ticks-0/00000000000000000000.log"
    let bytes = TestFile.read(path)
    #expect(bytes.count == position)
    for round in 0..<3 {
      for lost in 1..<16 {
        var left = bytes
        for number in 0..<4 where lost & 1 << number != 0 {
          left.replaceSubrange(rounds[round][number], with: repeatElement(0, count: rounds[round][number].count))
        }
        TestFile.write(left, to: path)
        for name in ["durable.end", "00000000000000000000.index", "00000000000000000000.timeindex"] {
          unlink("\(crash.path)/topics/ticks-0/\(name)")
        }
        let first = rounds[round][lost.trailingZeroBitCount].lowerBound
        if round == 2 {
          let opened = try EmbeddedLog.open(directory: crash.path, options: options)
          #expect(try opened.partition("ticks", 0).highWatermark == Int64(8 + lost.trailingZeroBitCount))
          #expect(opened.tailCuts.map(\.byte) == [Int64(first)])
          opened.close()
        } else {
          #expect(Self.refusal(crash.path)?.byte == Int64(first), "round \(round), lost \(lost)")
        }
      }
    }
  }

  /// With the index intact, recovery does not look before its last entry: reading finds the damage.
  @Test func readingFindsDamageThatOpeningDidNotLookFor() throws {
    let stored = try Self.store()
    let first = stored.batches[0]
    var bytes = stored.bytes
    bytes[first.position + 70] ^= 4
    TestFile.write(bytes, to: stored.lastSegment)
    let log = try Self.open(stored)
    defer { log.close() }
    let partition = try log.partition("ticks", 0)
    #expect(partition.highWatermark == Int64(stored.records.count))
    do {
      _ = try readAll(partition)
      Issue.record("the damage was read")
    } catch LogError.corrupt(let file, let byte, _) {
      #expect(file == stored.lastSegment && byte == Int64(first.position))
    }
    // What lies around it is still there.
    let before = try readAll(partition, maxBytes: 0, limit: Int(first.offset))
    #expect(before == Array(stored.records[..<Int(first.offset)]))
    let next = stored.batches[1].offset
    #expect(try readAll(partition, from: next) == Array(stored.records[Int(next)...]))
  }

  /// A power failure may leave holes in a derived topic, which is not synced with each batch: cut, not refused.
  @Test func cutsADerivedTopicAtItsFirstHole() throws {
    let stored = try Self.store(isDerived: true)
    let hole = stored.batches[2]
    var bytes = stored.bytes
    for place in hole.position..<stored.batches[3].position { bytes[place] = 0 }
    TestFile.write(bytes, to: stored.lastSegment)
    for suffix in [".index", ".timeindex"] { TestFile.write([], to: stored.lastSegment.dropLast(4) + suffix) }
    let reader = Result { try EmbeddedLog.open(directory: stored.directory.path, readOnly: true) }
    // Who only reads cannot make it again, and is told.
    #expect(throws: LogError.self) { try reader.get() }
    let log = try Self.open(stored)
    defer { log.close() }
    #expect(try readAll(log.partition("ticks", 0)) == Array(stored.records[..<Int(hole.offset)]))
    #expect(log.tailCuts.count == 1)
  }

  // MARK: Sealed segments, indexes, the manifest

  /// Each byte of a sealed segment: refused when read, by file and byte; the others are still read.
  @Test func refusesADamagedSealedSegment() throws {
    let stored = try Self.store()
    let path = stored.path(Stored.segment(0))
    let bytes = TestFile.read(path)
    for place in 0..<bytes.count {
      var damaged = bytes
      damaged[place] ^= 0x10
      TestFile.write(damaged, to: path)
      let log = try Self.open(stored)
      defer { log.close() }
      let partition = try log.partition("ticks", 0)
      do {
        let records = try readAll(partition, limit: 5)
        Issue.record("byte \(place) was read: \(records)")
      } catch LogError.corrupt(let file, let byte, _) {
        #expect(file == path && byte <= Int64(place) && Int64(place) < byte + 300, "byte \(place): \(byte)")
      } catch { Issue.record("byte \(place): \(error)") }
      let rest = stored.batches[0].offset
      #expect(try readAll(partition, from: rest) == Array(stored.records[Int(rest)...]))
    }
  }

  @Test func refusesASealedSegmentOfAnotherSize() throws {
    let stored = try Self.store()
    let path = stored.path(Stored.segment(0))
    let bytes = TestFile.read(path)
    for size in [0, 1, bytes.count - 1, bytes.count + 1] {
      TestFile.write(Array((bytes + [0])[..<size]), to: path)
      #expect(
        throws: LogError.corrupt(
          file: path, byte: Int64(min(size, bytes.count)), reason: "sealed with \(bytes.count) bytes, now \(size)")
      ) { try Self.open(stored) }
    }
  }

  /// Index files that are missing, empty, cut or flipped at any byte change no answer.
  @Test func buildsIndexesAgain() throws {
    let stored = try Self.store()
    var names: [String] = []
    for offset in 0..<Int64(stored.records.count) {
      for suffix in ["index", "timeindex"] where TestFile.exists(stored.path(Stored.segment(offset, suffix))) {
        names.append(stored.path(Stored.segment(offset, suffix)))
      }
    }
    let contents = names.map { TestFile.read($0) }
    #expect(names.count >= 4 && contents.contains { $0.count >= 16 })
    var random = SplitMix(seed: 5)
    for round in 0..<400 {
      for (name, content) in zip(names, contents) {
        var bytes = content
        switch round % 4 {
        case 0: bytes = []
        case 1: bytes = Array(bytes[..<Int.random(in: 0...bytes.count, using: &random)])
        case 2: bytes = (0..<Int.random(in: 0...50, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        default:
          // The last segment's own index has no checksum: what a flip can do there is another test's.
          guard !bytes.isEmpty, !name.hasPrefix(stored.lastSegment.dropLast(4)) else { break }
          bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
        }
        TestFile.write(bytes, to: name)
      }
      let log = try Self.open(stored)
      defer { log.close() }
      let partition = try log.partition("ticks", 0)
      let offset = Int64.random(in: 0..<Int64(stored.records.count), using: &random)
      #expect(try readAll(partition, from: offset) == Array(stored.records[Int(offset)...]), "round \(round)")
      let time = Int64.random(in: 0...230, using: &random)
      let expected = stored.records.first { $0.timestampMillis >= time }?.offset ?? Int64(stored.records.count)
      #expect(try partition.offset(atOrAfter: time) == expected, "round \(round), time \(time)")
    }
  }

  /// A time index that lost its end (it is not synced) must not hide a record that was far ahead of its neighbours.
  @Test func findsWhatTheTimeIndexForgot() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    func open() throws -> (EmbeddedLog, EmbeddedPartition) {
      let log = try EmbeddedLog.open(directory: directory.path, options: Self.options(segmentBytes: 1 << 20))
      try log.createTopic(TopicSettings(name: "ticks"))
      return (log, try log.partition("ticks", 0))
    }
    var (log, partition) = try open()
    for number in 0..<40 {
      try partition.appendAndWait(makeBatch(["\(number)"], timestampMillis: number == 20 ? 1000 : Int64(number)))
    }
    log.close()
    let path = "\(directory.path)/topics/ticks-0/00000000000000000000.timeindex"
    let entries = TestFile.read(path)
    // Entries are twelve bytes, the timestamp first: keep those before the one that is ahead.
    let kept = stride(from: 0, to: entries.count, by: 12).prefix { entries[$0 + 6] == 0 }.count
    #expect(kept >= 1 && kept * 12 < entries.count)
    TestFile.write(Array(entries[..<(kept * 12)]), to: path)
    (log, partition) = try open()
    defer { log.close() }
    for number in 40..<80 { try partition.appendAndWait(makeBatch(["\(number)"], timestampMillis: Int64(number))) }
    for time in [21, 50, 500, 1000] as [Int64] { #expect(try partition.offset(atOrAfter: time) == 20, "time \(time)") }
    #expect(try partition.offset(atOrAfter: 1001) == 80)
  }

  /// A file that is shorter than what was published is an error, not an endless wait for the rest.
  @Test func refusesASegmentThatShrank() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let log = try EmbeddedLog.open(directory: directory.path)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for number in 0..<3 { try partition.appendAndWait(makeBatch(["\(number)"])) }
    var buffer = ByteWriter()
    #expect(try partition.read(from: 0, maxBytes: 0, into: &buffer))
    let path = "\(directory.path)/topics/ticks-0/00000000000000000000.log"
    let size = buffer.count
    TestFile.write(Array(TestFile.read(path)[..<size]), to: path)
    let expected = LogError.corrupt(file: path, byte: Int64(size), reason: "the segment ends here")
    #expect(throws: expected) { try partition.read(from: 1, maxBytes: 100, into: &buffer) }
    #expect(buffer.count == size)
  }

  @Test func refusesADamagedManifest() throws {
    let stored = try Self.store()
    let path = stored.path("partition.meta")
    let bytes = TestFile.read(path)
    for place in 0..<bytes.count {
      var damaged = bytes
      damaged[place] ^= 1
      TestFile.write(damaged, to: path)
      do {
        try Self.open(stored).close()
        Issue.record("byte \(place) was passed over")
      } catch LogError.corrupt(let file, _, _) { #expect(file == path) }
    }
    for size in 0..<bytes.count {
      TestFile.write(Array(bytes[..<size]), to: path)
      #expect(throws: LogError.self) { try Self.open(stored) }
    }
  }

  @Test func refusesASegmentThatItDoesNotKnow() throws {
    let stored = try Self.store()
    let path = stored.path(Stored.segment(99_999))
    TestFile.write([1], to: path)
    #expect(throws: LogError.corrupt(file: path, byte: 0, reason: "a segment that the partition does not know")) {
      try Self.open(stored)
    }
    // An empty one is what a crash leaves at a roll.
    TestFile.write([], to: path)
    try Self.open(stored).close()
    #expect(!TestFile.exists(path))
  }
}
