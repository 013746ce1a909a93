// Copies between embedded logs: every record unchanged, and a copy that is cut short anywhere goes on there.

import Codecs
import Events
import Kit
import Log
import PortKit
import Testing

@testable import Wiring

@Suite struct LogCopyTests {
  private static let topic = "other.v1"

  /// Everything of a record but its offset.
  private static func contents<Partition: PartitionLog>(_ partition: Partition) throws -> [[UInt8]] {
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var offset = partition.startOffset
    var found: [[UInt8]] = []
    while true {
      buffer.removeAll()
      guard try partition.read(from: offset, maxBytes: 1 << 16, into: &buffer) else { return found }
      var rest = buffer.bytes
      while rest.byteCount > 0 {
        let header = try reader.open(rest, verifyingChecksum: true)
        var cursor = reader.records
        while try cursor.advance() {
          let record = cursor.record
          var content = ByteWriter()
          content.append(bigEndian: record.timestampMillis)
          content.append(varint: record.hasKey ? Int64(record.key.byteCount) : -1)
          content.append(record.key)
          content.append(varint: record.hasValue ? Int64(record.value.byteCount) : -1)
          content.append(record.value)
          content.append(cursor.storedHeaders)
          found.append(content.copy())
        }
        offset = header.lastOffset + 1
        rest = rest.extracting(droppingFirst: header.byteCount)
      }
    }
  }

  /// Records of every kind: null and empty keys and values, headers, times in no order.
  private static func fill(_ partition: EmbeddedPartition, _ count: Int, _ random: inout SplitMix) throws {
    var writer = RecordBatchWriter()
    for number in 0..<count {
      var section = ByteWriter()
      let headers = Int.random(in: 0...2, using: &random)
      section.append(varint: Int64(headers))
      for index in 0..<headers {
        let (name, value) = (Array("h\(index)".utf8), Array("\(number)".utf8))
        section.append(headerNamed: name.span.bytes, value: index == 0 ? value.span.bytes : nil)
      }
      let key = [UInt8](repeating: UInt8(number & 255), count: Int.random(in: 0...3, using: &random))
      let value = Array("value \(number)".utf8)
      writer.append(
        timestampMillis: Int64.random(in: 1...1_800_000_000_000, using: &random),
        key: Bool.random(using: &random) ? key.span.bytes : nil,
        value: number % 7 == 0 ? nil : value.span.bytes, headers: section.bytes)
      if writer.recordCount == 100 || number == count - 1 { try partition.appendAndWait(writer.finish()) }
    }
  }

  private static func makeSource(_ directory: String, _ count: Int) throws -> EmbeddedLog {
    let log = try EmbeddedLog.open(directory: directory)
    try log.createTopic(TopicSettings(name: topic, partitions: 2))
    var random = SplitMix(seed: 3)
    for index in 0..<2 { try fill(try log.partition(topic, index), count, &random) }
    return log
  }

  private static let topics = [CopyTopic(name: topic, settings: TopicSettings(name: topic, partitions: 2))]

  @Test func everyRecordIsTheSame() throws {
    let (from, to) = (TemporaryDirectory(), TemporaryDirectory())
    let source = try Self.makeSource(from.path, 1000)
    defer { source.close() }
    let target = try EmbeddedLog.open(directory: to.path)
    defer { target.close() }
    for count in [2000, 0] {
      var copy = try LogCopy(from: source, to: EmbeddedCopyTarget(log: target))
      #expect(try copy.run(Self.topics) { false })
      #expect(copy.recordsDone == count)
    }
    // What came since.
    var random = SplitMix(seed: 4)
    try Self.fill(try source.partition(Self.topic, 0), 10, &random)
    var copy = try LogCopy(from: source, to: EmbeddedCopyTarget(log: target))
    #expect(try copy.run(Self.topics) { false })
    #expect(copy.recordsDone == 10)
    for index in 0..<2 {
      #expect(
        try Self.contents(try target.partition(Self.topic, index))
          == Self.contents(try source.partition(Self.topic, index)))
    }
  }

  /// A disk that fails at the n-th batch leaves an announced chunk half written, as a crash does.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 6]) func aCopyGoesOnWhereItWasCut(batches: Int) throws {
    let (from, to) = (TemporaryDirectory(), TemporaryDirectory())
    // Several batches to a chunk.
    let source = try Self.makeSource(from.path, 40_000)
    defer { source.close() }
    let target = try EmbeddedLog.open(directory: to.path)
    defer { target.close() }
    do {
      var copy = try LogCopy(from: source, to: FailingCopyTarget(log: target, batches: batches))
      _ = try copy.run(Self.topics) { false }
      #expect(batches >= 6, "it did not fail")
    } catch CopyError.log(.diskFull) {}
    var copy = try LogCopy(from: source, to: EmbeddedCopyTarget(log: target))
    #expect(try copy.run(Self.topics) { false })
    for index in 0..<2 {
      let (found, expected) = (try target.partition(Self.topic, index), try source.partition(Self.topic, index))
      #expect(found.highWatermark == expected.highWatermark)
      #expect(try Self.contents(found) == Self.contents(expected))
    }
    let maps = try CopyMap.load(try target.partition(CopyMap.topic.name, 0))
    #expect(maps["other.v1-1"]?.runs == [CopyRun(source: 0, target: 0, count: 40_000)])
  }

  @Test func recordsOfOthersAreNotOverlooked() throws {
    let (from, to) = (TemporaryDirectory(), TemporaryDirectory())
    let source = try Self.makeSource(from.path, 10)
    defer { source.close() }
    let target = try EmbeddedLog.open(directory: to.path)
    defer { target.close() }
    try target.createTopic(TopicSettings(name: Self.topic, partitions: 2))
    try target.partition(Self.topic, 1).appendAndWait(makeBatch(["theirs"]))
    var copy = try LogCopy(from: source, to: EmbeddedCopyTarget(log: target))
    #expect(throws: CopyError.self) { try copy.run(Self.topics) { false } }
    #expect(try target.partition(Self.topic, 0).highWatermark == 0)
  }

  @Test func anotherSourceIsRefused() throws {
    let (from, other, to) = (TemporaryDirectory(), TemporaryDirectory(), TemporaryDirectory())
    let target = try EmbeddedLog.open(directory: to.path)
    defer { target.close() }
    let source = try Self.makeSource(from.path, 10)
    defer { source.close() }
    var copy = try LogCopy(from: source, to: EmbeddedCopyTarget(log: target))
    #expect(try copy.run(Self.topics) { false })
    let successor = try Self.makeSource(other.path, 20)
    defer { successor.close() }
    var second = try LogCopy(from: successor, to: EmbeddedCopyTarget(log: target))
    #expect(throws: CopyError.self) { try second.run(Self.topics) { false } }
  }
}

/// Takes so many batches and is full then.
private final class FailingCopyTarget: CopyTarget {
  let log: EmbeddedLog
  private var batches: Int

  init(log: EmbeddedLog, batches: Int) {
    self.log = log
    self.batches = batches
  }

  func write(
    _ chunk: CopyChunk, of source: CopySource, to partition: EmbeddedPartition, notes: EmbeddedPartition
  ) throws(LogError) {
    var part = chunk
    part.batches = Array(chunk.batches.prefix(batches))
    batches -= part.batches.count
    try EmbeddedCopyTarget(log: log).write(part, of: source, to: partition, notes: notes)
    if part.batches.count < chunk.batches.count { throw .diskFull }
  }
}
