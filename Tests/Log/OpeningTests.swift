// What opening a log costs: it must not depend on how much is in it.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct OpeningTests {
  /// Opening reads the manifest, the mark, the last segment's indexes and its end; of sealed segments not a byte.
  @Test(arguments: [false, true]) func readsNoSealedSegment(isOrderly: Bool) throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    var options = LogOptions()
    options.segmentBytes = 200_000
    var random = SplitMix(seed: 1)
    let log = try EmbeddedLog.open(directory: directory.path, options: options)
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for number in 0..<600 {
      let batch = makeBatch([filler(2000, &random)], timestampMillis: Int64(number), compression: .none)
      try partition.append(batch, completion: nil)
    }
    try partition.sync()
    let left = isOrderly ? directory : directory.copy()
    log.close()
    let names = try PosixFiles().list("\(left.path)/topics/ticks-0").filter { $0.hasSuffix(".log") }.sorted()
    #expect(names.count > 5)
    let last = try #require(names.last)
    let reads = Mutex<[DiskCall]>([])
    var files = FaultyFiles { call in
      if call.kind == .read { reads.withLock { $0.append(call) } }
      return nil
    }
    files.bootID = PosixFiles().bootID
    let again = try SegmentedLog.open(directory: left.path, options: options, files: files)
    defer { again.close() }
    let segments = reads.withLock { $0 }.filter { $0.path.hasSuffix(".log") }
    #expect(segments.allSatisfy { $0.path.hasSuffix("/\(last)") }, "\(segments)")
    // From the last index entry on, which is at most an interval before the end.
    let size = Int64(TestFile.read("\(left.path)/topics/ticks-0/\(last)").count)
    let first = segments.map(\.position).min() ?? size
    #expect(first > size - 3 * Int64(options.indexIntervalBytes), "read from \(first) of \(size)")
    #expect(again.tailCuts == [])
    #expect(try again.partition("ticks", 0).highWatermark == 600)
  }

  /// A power failure may have kept any write to the index files and lost any: nothing shows that one is missing.
  @Test func believesNoIndexOfBeforeAPowerFailure() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    var options = LogOptions()
    options.indexIntervalBytes = 500
    var random = SplitMix(seed: 2)
    let log = try EmbeddedLog.open(directory: directory.path, options: options)
    try log.createTopic(TopicSettings(name: "ticks"))
    for number in 0..<60 {
      // Later records of an earlier time: what the index by time says is what keeps a lookup from skipping them.
      let batch = makeBatch([filler(300, &random)], timestampMillis: Int64(number < 30 ? number : 1000 - number))
      try log.partition("ticks", 0).appendAndWait(batch)
    }
    log.close()
    let index = "\(directory.path)/topics/ticks-0/00000000000000000000.timeindex"
    let entries = TestFile.read(index)
    // The first entry's offset becomes that of a later batch, as if those between had been lost.
    TestFile.write(Array(entries.prefix(8) + entries[20..<24] + entries.dropFirst(12)), to: index)
    var files = FaultyFiles { _ in nil }
    files.bootID = PosixFiles().bootID &+ 1
    let again = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    defer { again.close() }
    for time in Int64(0)..<30 { #expect(try again.partition("ticks", 0).offset(atOrAfter: time) == time) }
  }

  /// With no descriptor left an append is refused and a read goes on with those that it has; later all is well again.
  @Test func runningOutOfDescriptorsPasses() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    var options = LogOptions()
    options.segmentBytes = 1000
    let isOut = Atomic(false)
    let files = FaultyFiles { call in
      guard isOut.load(ordering: .relaxed), call.kind == .create || call.kind == .open else { return nil }
      return .fail(FileError(code: 24, operation: "open", isOutOfDescriptors: true))
    }
    let log = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for number in 0..<30 { try partition.appendAndWait(makeBatch(["\(number)"], compression: .none)) }
    isOut.store(true, ordering: .relaxed)
    var refusals = 0
    for number in 30..<60 {
      do {
        try partition.appendAndWait(makeBatch(["\(number)"], compression: .none))
      } catch LogError.outOfDescriptors { refusals += 1 }
    }
    #expect(refusals > 0 && log.failure == nil)
    #expect(throws: LogError.outOfDescriptors) { try readAll(partition) }
    isOut.store(false, ordering: .relaxed)
    let end = partition.highWatermark
    #expect(try readAll(partition).count == Int(end))
    #expect(try partition.appendAndWait(makeBatch(["more"])) == end)
  }
}
