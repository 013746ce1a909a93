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

  /// Without a writer thread nothing happens between two turns, and an operation that waits takes one.
  @Test func aManualLogMovesByTurns() throws {
    let directory = TemporaryDirectory()
    let log = try EmbeddedLog.openManual(directory: directory.path, files: PosixFiles())
    try log.createTopic(TopicSettings(name: "ticks"))
    try log.createTopic(TopicSettings(name: "candles", isDerived: true))
    let (ticks, candles) = (try log.partition("ticks", 0), try log.partition("candles", 0))
    try ticks.append(makeBatch(["a"]), completion: nil)
    try candles.append(makeBatch(["x", "y"]), completion: nil)
    #expect(ticks.highWatermark == 0)
    #expect(log.turn())
    #expect(!log.turn())
    #expect((ticks.highWatermark, candles.highWatermark) == (1, 2))
    try ticks.append(makeBatch(["b"]), completion: nil)
    try candles.truncate(to: 1)
    #expect((ticks.highWatermark, candles.highWatermark) == (2, 1))
    try ticks.append(makeBatch(["c"]), completion: nil)
    log.close()
    #expect(throws: LogError.closed) { try ticks.append(makeBatch(["d"]), completion: nil) }
    let again = try EmbeddedLog.open(directory: directory.path)
    defer { again.close() }
    #expect(try readAll(again.partition("ticks", 0)).map(\.value) == ["a", "b", "c"])
    #expect(try readAll(again.partition("candles", 0)).map(\.value) == ["x"])
  }
}
