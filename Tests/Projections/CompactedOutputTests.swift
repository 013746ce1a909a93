// Verification of a derived topic that was compacted: what is left is what the input gives.

import Codecs
import Events
import Kit
import Log
import Processors
import Projections
import Testing

@Suite struct CompactedOutputTests {
  private static func fixture() throws -> TaskFixture {
    var options = LogOptions()
    options.segmentBytes = 4000
    let policy = TopicPolicy(
      durability: .os, compaction: CompactionPolicy(afterMillis: 0, tombstoneMillis: 0, dirtyPercent: 1))
    return try TaskFixture(options: options, derived: policy)
  }

  private static func settings() -> TaskSettings {
    var settings = TaskFixture.settings(checkpointRecords: 200)
    settings.checkpointsKept = 2
    return settings
  }

  private static func count(_ partition: TaskFixture.Partition) throws -> Int {
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var (count, offset) = (0, partition.startOffset)
    while true {
      buffer.removeAll()
      guard try partition.read(from: offset, maxBytes: 0, into: &buffer) else { return count }
      let header = try reader.open(buffer.bytes, verifyingChecksum: true)
      count += header.recordCount
      offset = header.lastOffset + 1
    }
  }

  /// Folds with compaction in between, after crashes too; only the latest prices may be compacted.
  private static func folded(_ fixture: TaskFixture, _ records: [InputRecord]) throws -> TaskFixture.Partition {
    let latest = try fixture.partition(Topic.latest.name)
    for name in [Topic.candles.name, Topic.deadTicks.name] {
      let plain = TopicSettings(name: name, isDerived: true, policy: TopicPolicy(durability: .os))
      try fixture.log.createTopic(plain)
    }
    try fixture.append(records, size: 20)
    for round in 0..<4 {
      let task = try fixture.task(settings())
      for _ in 0..<(round == 3 ? 100_000 : 25) {
        if try task.step(maxBytes: 3000) == .caughtUp { break }
        try fixture.log.compact()
      }
    }
    try latest.sync()
    return latest
  }

  @Test func whatIsLeftIsTheSame() throws {
    let fixture = try Self.fixture()
    let latest = try Self.folded(fixture, ProcessorTaskTests.records(31))
    #expect(try Int64(Self.count(latest)) < latest.highWatermark / 2)
    guard case .same(let summary) = try fixture.verify() else {
      Issue.record("\(try fixture.verify())")
      return
    }
    #expect(summary.topics[0].records == Int64(try Self.count(latest)))
    #expect(summary.checkpoints > 0)
    fixture.log.close()
  }

  /// A record that is gone though none of its key follows was not compacted: it was lost.
  @Test func aRecordThatWasLostIsFound() throws {
    let fixture = try Self.fixture()
    let latest = try Self.folded(fixture, ProcessorTaskTests.records(32))
    // The newest records, for which compaction let the older ones go.
    try latest.truncate(to: latest.highWatermark / 4)
    guard case .different(let difference) = try fixture.verify() else {
      Issue.record("the loss was not seen")
      return
    }
    #expect(difference.topic == latest.topic && difference.reason == "compaction took the newest record of its key")
    fixture.log.close()
  }
}
