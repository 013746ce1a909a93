// Reading a log that another writes, through the files alone.

import Codecs
import Core
import Kit
import Log
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
}
