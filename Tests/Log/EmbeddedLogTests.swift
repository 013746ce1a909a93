// The embedded log itself: what is particular to files in a directory.

import Codecs
import Core
import Kit
import Log
import Testing

@Suite struct EmbeddedLogTests {
  @Test func reopensWithWhatWasAppended() throws {
    let directory = TemporaryDirectory()
    let log = try EmbeddedLog.open(directory: directory.path)
    try log.createTopic(TopicSettings(name: "ticks", partitions: 2))
    let partition = try log.partition("ticks", 1)
    #expect(try partition.appendAndWait(makeBatch(["a", "b"], timestampMillis: 5)) == 0)
    #expect(try partition.appendAndWait(makeBatch(["c"], timestampMillis: 9, key: "k")) == 2)
    let epoch = partition.epoch
    log.close()

    let again = try EmbeddedLog.open(directory: directory.path)
    defer { again.close() }
    #expect(again.topics() == [TopicSettings(name: "ticks", partitions: 2)])
    let reopened = try again.partition("ticks", 1)
    #expect(reopened.epoch == epoch)
    #expect(reopened.highWatermark == 3)
    #expect(
      try readAll(reopened) == [
        StoredRecord(offset: 0, timestampMillis: 5, key: nil, value: "a"),
        StoredRecord(offset: 1, timestampMillis: 6, key: nil, value: "b"),
        StoredRecord(offset: 2, timestampMillis: 9, key: "k", value: "c"),
      ])
    #expect(again.tailCuts.isEmpty)
  }

  @Test func hasOneWriter() throws {
    let directory = TemporaryDirectory()
    let log = try EmbeddedLog.open(directory: directory.path)
    #expect(throws: LogError.locked(directory: directory.path)) { try EmbeddedLog.open(directory: directory.path) }
    log.close()
    try EmbeddedLog.open(directory: directory.path).close()
  }
}
