// Tasks over the embedded log: recovery regenerates the same records, or says that the history is another one.

import Codecs
import Events
import Kit
import Log
import Processors
import Projections
import Testing

@Suite struct ProcessorTaskTests {
  static func records(_ seed: UInt64, _ count: Int = 3000) -> [InputRecord] {
    var stream = TickStream(seed: seed)
    return stream.records(count)
  }

  /// What an undisturbed fold puts out, without causes.
  static func expected(_ records: [InputRecord]) throws -> [[OutputRecord]] {
    try fold(encode(records) { $0 % 100 == 99 }).records.map { topic in
      topic.map { record in
        var record = record
        record.cause = 0
        return record
      }
    }
  }

  private func runToEnd(_ task: TaskFixture.Task) throws {
    while try task.step(maxBytes: 5000) != .caughtUp {}
  }

  @Test func aTaskWritesWhatTheFoldGives() throws {
    let records = Self.records(1)
    let fixture = try TaskFixture()
    try fixture.append(records)
    let task = try fixture.task()
    #expect(task.recovery == RecoveryReport(outcome: .started, position: 0, warnings: []))
    try runToEnd(task)
    #expect(try fixture.contents() == Self.expected(records))
    #expect(task.position == Int64(records.count))
    fixture.log.close()
  }

  /// Stops anywhere, with derived records beyond the checkpoint or behind the input, and goes on.
  @Test(arguments: 1...8) func recoveryRegeneratesTheSameRecords(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let records = Self.records(seed)
    let fixture = try TaskFixture()
    var appended = 0
    while appended < records.count {
      let next = min(appended + Int(random.next() % 900) + 1, records.count)
      try fixture.append(Array(records[appended..<next]), size: 73)
      appended = next
      let task = try fixture.task()
      #expect(task.recovery.warnings.isEmpty)
      for _ in 0..<Int(random.next() % 20) { _ = try task.step(maxBytes: 4000) }
      if random.next() % 4 == 0 { try task.checkpointNow() }
      // What was appended after the checkpoint is lost in part, as in a crash.
      for partition in try fixture.outputs() where random.next() % 3 == 0 {
        let marks = try checkpointedEnd(fixture, partition)
        try partition.sync()
        let end = partition.highWatermark
        if end > marks { try partition.truncate(to: marks + Int64(random.next() % UInt64(end - marks))) }
      }
    }
    let task = try fixture.task()
    let epochs = try fixture.outputs().map(\.epoch)
    try runToEnd(task)
    try task.checkpointNow()
    #expect(try fixture.contents() == Self.expected(records), "seed \(seed)")
    #expect(try fixture.outputs().map(\.epoch) == epochs)
    guard case .same(let summary) = try fixture.verify() else {
      Issue.record("seed \(seed): \(try fixture.verify())")
      return
    }
    #expect(summary.inputRecords == Int64(records.count) && summary.checkpoints > 0 && summary.warnings.isEmpty)
    fixture.log.close()
  }

  /// Where the newest checkpoint says that the partition ended; 0 without one.
  private func checkpointedEnd(_ fixture: TaskFixture, _ partition: TaskFixture.Partition) throws -> Int64 {
    let store = try CheckpointDirectory(fixture.checkpoints)
    guard let name = try store.names().last(where: { $0.hasPrefix("checkpoint") }), let bytes = try store.load(name)
    else { return 0 }
    // Each output: epoch, end, and a counted hash, from byte 64 on.
    var reader = ByteReader(bytes.span.bytes)
    try reader.skip(64)
    for topic in TaskFixture.derived {
      try reader.skip(4)
      let end = try reader.read(littleEndian: Int64.self)
      try reader.skip(Int(try reader.read(littleEndian: Int64.self)))
      if topic == partition.topic { return end }
    }
    return 0
  }

  @Test func aDamagedCheckpointIsPassedOver() throws {
    let records = Self.records(3)
    let fixture = try TaskFixture()
    try fixture.append(records)
    let first = try fixture.task()
    try runToEnd(first)
    let store = try CheckpointDirectory(fixture.checkpoints)
    let names = try store.names().filter { $0.hasPrefix("checkpoint") }
    #expect(names.count >= 3)
    // The newest torn, the one before with one bit flipped.
    var bytes = try #require(try store.load(names[names.count - 1]))
    bytes.removeLast(bytes.count / 2)
    try store.save(names[names.count - 1], bytes.span.bytes)
    bytes = try #require(try store.load(names[names.count - 2]))
    bytes[bytes.count / 2] ^= 4
    try store.save(names[names.count - 2], bytes.span.bytes)
    let second = try fixture.task()
    #expect(second.recovery.outcome == .continued && second.recovery.warnings.count == 2)
    try runToEnd(second)
    #expect(try fixture.contents() == Self.expected(records))
    fixture.log.close()
  }

  @Test func withoutCheckpointsTheSameRecordsComeUnderTheSameEpoch() throws {
    let records = Self.records(4)
    let fixture = try TaskFixture()
    try fixture.append(records)
    let first = try fixture.task()
    try runToEnd(first)
    let epochs = try fixture.outputs().map(\.epoch)
    let store = try CheckpointDirectory(fixture.checkpoints)
    for name in try store.names() where name.hasPrefix("checkpoint") { try store.remove(name) }
    let second = try fixture.task()
    #expect(second.recovery == RecoveryReport(outcome: .regenerated, position: 0, warnings: []))
    try runToEnd(second)
    #expect(try fixture.contents() == Self.expected(records))
    #expect(try fixture.outputs().map(\.epoch) == epochs)
    fixture.log.close()
  }

  @Test func anotherConfigurationIsAnotherEpoch() throws {
    let records = Self.records(5)
    let fixture = try TaskFixture()
    try fixture.append(records)
    let first = try fixture.task()
    try runToEnd(first)
    let epochs = try fixture.outputs().map(\.epoch)
    var settings = LatestPriceSettings()
    settings.weights["coinbase"] = LatestPriceSettings.tenths(3)
    let second = try fixture.task(latest: settings)
    #expect(second.recovery == RecoveryReport(outcome: .rebuilt, position: 0, warnings: []))
    #expect(try zip(fixture.outputs(), epochs).allSatisfy { $0.epoch != $1 })
    try runToEnd(second)
    #expect(try fixture.contents()[0] != Self.expected(records)[0])
    // And nothing that is known of its origin is continued.
    let store = try CheckpointDirectory(fixture.checkpoints)
    try store.remove("fingerprint")
    let third = try fixture.task(latest: settings)
    #expect(third.recovery.outcome == .rebuilt)
    fixture.log.close()
  }

  @Test func theOutputsOfAnotherWriterStopTheTask() throws {
    let fixture = try TaskFixture()
    try fixture.append(Self.records(6, 500))
    let task = try fixture.task()
    try runToEnd(task)
    var writer = RecordBatchWriter()
    writer.append(timestampMillis: 0, key: nil, value: nil)
    try fixture.partition(Topic.latest.name).append(writer.finish(), completion: nil)
    #expect(throws: ProcessorError.self) { try task.checkpointNow() }
    fixture.log.close()
  }

  @Test func fewCheckpointsAreKept() throws {
    let fixture = try TaskFixture()
    try fixture.append(Self.records(7, 800), size: 20)
    var settings = TaskFixture.settings(checkpointRecords: 20)
    settings.checkpointsKept = 3
    settings.checkpointsKeptOlder = 4
    let task = try fixture.task(settings)
    while try task.step(maxBytes: 10) != .caughtUp {
      let store = try CheckpointDirectory(fixture.checkpoints)
      #expect(try store.names().filter { $0.hasPrefix("checkpoint") }.count <= 3 + 4)
    }
    let newest = try CheckpointDirectory(fixture.checkpoints).names().last { $0.hasPrefix("checkpoint") }
    #expect(newest == "checkpoint-0000000000000000800")
    fixture.log.close()
  }

  /// Retention takes nothing that was not folded, also before the first checkpoint of a run.
  @Test func holdsBackWhatWasNotFolded() throws {
    var options = LogOptions()
    options.segmentBytes = 4000
    let fixture = try TaskFixture(options: options, input: TopicPolicy(retentionBytes: 1))
    defer { fixture.log.close() }
    var stream = TickStream(seed: 31)
    try fixture.append(stream.records(400), size: 20)
    let task = try fixture.task(TaskFixture.settings(checkpointRecords: .max))
    try fixture.log.maintain()
    #expect(try fixture.partition(Topic.ticks.name).startOffset == 0)
    while try task.step() != .caughtUp {}
    try task.checkpointNow()
    try fixture.log.maintain()
    #expect(try fixture.partition(Topic.ticks.name).startOffset > 0)
  }
}
