// Reading a log that another writes, through the files alone.

import Codecs
import Core
import Kit
import Log
import Synchronization
import Testing

@Suite struct FollowTests {
  private static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = 3000
    options.indexIntervalBytes = 300
    options.pollNanos = 100_000
    return options
  }

  @Test func aReaderSeesWholeBatchesWhileTheWriterGoesOn() throws {
    let directory = TemporaryDirectory()
    let writer = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { writer.close() }
    try writer.createTopic(TopicSettings(name: "ticks"))
    let target = try writer.partition("ticks", 0)
    try target.appendAndWait(makeBatch(["0"]))
    let reader = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    defer { reader.close() }
    let source = try reader.partition("ticks", 0)
    #expect(source.epoch == target.epoch)
    #expect(throws: LogError.readOnly) { try source.appendAndWait(makeBatch(["x"])) }
    #expect(throws: LogError.readOnly) { try reader.createTopic(TopicSettings(name: "other")) }
    let count = 1500
    let producer = NamedThread("producer") {
      for number in 1..<count { try? target.append(makeBatch(["\(number)"]), completion: nil) }
    }
    var values: [String?] = []
    while values.count < count {
      let generation = reader.generation
      let more = try readAll(source, from: Int64(values.count))
      values += more.map(\.value)
      if more.isEmpty, reader.waitForChange(after: generation, timeoutNanos: 30_000_000_000) == generation { break }
    }
    producer.join()
    #expect(values == (0..<count).map { "\($0)" })
  }

  @Test func aReaderFollowsCutsAndNewTopics() throws {
    let directory = TemporaryDirectory()
    let writer = try EmbeddedLog.open(directory: directory.path, options: Self.options())
    defer { writer.close() }
    let reader = try EmbeddedLog.open(directory: directory.path, readOnly: true, options: Self.options())
    defer { reader.close() }
    #expect(reader.topics() == [])
    try writer.createTopic(TopicSettings(name: "candles", isDerived: true))
    let target = try writer.partition("candles", 0)
    for number in 0..<300 { try target.append(makeBatch(["a \(number)", "b \(number)"]), completion: nil) }
    try target.sync()
    _ = reader.waitForChange(after: reader.generation, timeoutNanos: 0)
    let source = try reader.partition("candles", 0)
    #expect(try readAll(source) == readAll(target))
    try target.truncate(to: 301)
    for number in 0..<3 { try target.appendAndWait(makeBatch(["c \(number)"])) }
    _ = reader.waitForChange(after: reader.generation, timeoutNanos: 0)
    #expect(source.highWatermark == 304)
    #expect(try readAll(source) == readAll(target))
    try target.reset()
    try target.appendAndWait(makeBatch(["d"]))
    _ = reader.waitForChange(after: reader.generation, timeoutNanos: 0)
    #expect(source.epoch == target.epoch)
    #expect(try readAll(source).map(\.value) == ["d"])
  }

  @Test func anEmptyDirectoryCanBeRead() throws {
    let directory = TemporaryDirectory()
    let reader = try EmbeddedLog.open(directory: directory.path + "/none", readOnly: true)
    #expect(reader.topics() == [])
    #expect(!TestFile.exists(directory.path + "/none"))
    reader.close()
  }

  /// Before the sync only the kernel has a batch: nobody may be told of it, in another process either.
  @Test func aReaderSeesOnlyWhatIsDurable() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let during = Mutex<[Int64]>([])
    let files = FaultyFiles { call in
      if call.kind == .sync, call.path.hasSuffix("0000.log") {
        let reader = try? SegmentedLog.open(directory: directory.path, readOnly: true, files: FaultyFiles())
        if let end = try? reader?.partition("ticks", 0).highWatermark { during.withLock { $0.append(end) } }
        reader?.close()
      }
      return nil
    }
    let writer = try SegmentedLog.open(directory: directory.path, files: files)
    defer { writer.close() }
    try writer.createTopic(TopicSettings(name: "ticks"))
    let target = try writer.partition("ticks", 0)
    during.withLock { $0 = [] }
    let reader = try SegmentedLog.open(directory: directory.path, readOnly: true, files: FaultyFiles())
    defer { reader.close() }
    for number in 0..<3 {
      try target.appendAndWait(makeBatch(["\(number)"]))
      _ = reader.waitForChange(after: reader.generation, timeoutNanos: 0)
      #expect(try reader.partition("ticks", 0).highWatermark == Int64(number + 1))
    }
    #expect(during.withLock { $0 } == [0, 1, 2])
  }

  /// Whoever looks while a cut is under way takes up what is there then, and looks again when it is over.
  @Test func aReaderThatLooksDuringACutIsNotLeftBehind() throws {
    let directory = TemporaryDirectory(in: fastDirectory)
    let reader = Mutex<EmbeddedLog?>(nil)
    let files = FaultyFiles { call in
      if call.kind == .truncate, let reader = reader.withLock({ $0 }) {
        _ = reader.waitForChange(after: reader.generation, timeoutNanos: 0)
      }
      return nil
    }
    let writer = try SegmentedLog.open(directory: directory.path, files: files)
    defer { writer.close() }
    try writer.createTopic(TopicSettings(name: "candles", isDerived: true))
    let target = try writer.partition("candles", 0)
    for number in 0..<20 { try target.append(makeBatch(["\(number)"]), completion: nil) }
    try target.sync()
    let follower = try EmbeddedLog.open(directory: directory.path, readOnly: true)
    defer { follower.close() }
    reader.withLock { $0 = follower }
    let source = try follower.partition("candles", 0)
    try target.truncate(to: 5)
    // The same records, in other batches.
    for first in stride(from: 5, to: 25, by: 4) {
      try target.append(makeBatch((first..<first + 4).map { "\($0)" }), completion: nil)
    }
    try target.sync()
    _ = follower.waitForChange(after: follower.generation, timeoutNanos: 0)
    #expect(try readAll(source).map(\.value) == (0..<25).map { "\($0)" })
  }
}
