// Folds over an input of which retention took the front.

import Codecs
import Events
import Kit
import Log
import PortKit
import Processors
import Projections
import Synchronization
import Testing

@Suite struct RetainedInputTests {
  private static func fixture() throws -> TaskFixture {
    var options = LogOptions()
    options.segmentBytes = 4000
    return try TaskFixture(options: options, input: TopicPolicy(retentionBytes: 0))
  }

  private static func settings() -> TaskSettings {
    var settings = TaskFixture.settings(checkpointRecords: 300)
    settings.checkpointsKept = 3
    return settings
  }

  /// Retention takes what no kept checkpoint needs, and nothing else; so the fold goes on, and after a restart too.
  @Test func theFoldGoesOn() throws {
    let records = ProcessorTaskTests.records(21)
    let fixture = try Self.fixture()
    let input = try fixture.partition(Topic.ticks.name)
    try fixture.append(Array(records[..<1500]), size: 20)
    var task = try fixture.task(Self.settings())
    try fixture.log.maintain()
    #expect(input.startOffset == 0, "without a checkpoint all of it is needed")
    while try task.step(maxBytes: 2000) != .caughtUp { try fixture.log.maintain() }
    #expect(input.startOffset > 0)
    let store = try CheckpointDirectory(fixture.checkpoints)
    let positions = try store.names().compactMap { Int64($0.dropFirst("checkpoint-".utf8.count)) }
    #expect(input.startOffset <= positions.suffix(3)[positions.count - 3])
    task = try fixture.task(Self.settings())
    #expect(task.recovery.outcome == .continued)
    try fixture.append(Array(records[1500...]), size: 20)
    while try task.step(maxBytes: 2000) != .caughtUp { try fixture.log.maintain() }
    #expect(try fixture.contents() == ProcessorTaskTests.expected(records))
    fixture.log.close()
  }

  /// A fold that would have to start in the middle says so, and leaves everything as it is.
  @Test func withoutACheckpointItRefuses() throws {
    let records = ProcessorTaskTests.records(22)
    let fixture = try Self.fixture()
    let input = try fixture.partition(Topic.ticks.name)
    try fixture.append(records, size: 20)
    let task = try fixture.task(Self.settings())
    while try task.step(maxBytes: 2000) != .caughtUp {}
    try task.checkpointNow()
    try fixture.log.maintain()
    let start = input.startOffset
    #expect(start > 0)
    let before = try fixture.contents()
    let epochs = try fixture.outputs().map(\.epoch)
    let store = try CheckpointDirectory(fixture.checkpoints)
    let refusal = ProcessorError.inputExpired(topic: Topic.ticks.name, partition: 0, startOffset: start)
    var settings = LatestPriceSettings()
    settings.weights["coinbase"] = LatestPriceSettings.tenths(3)
    #expect(throws: refusal, "another configuration cannot be built either") { try fixture.task(latest: settings) }
    for name in try store.names() where name.hasPrefix("checkpoint") { try store.remove(name) }
    #expect(throws: refusal) { try fixture.task() }
    #expect(try fixture.contents() == before)
    #expect(try fixture.outputs().map(\.epoch) == epochs)
    // What was made of the rest is given up by hand.
    for partition in try fixture.outputs() { try partition.reset() }
    let anew = try fixture.task()
    #expect(anew.recovery.outcome == .started && anew.position == start)
    fixture.log.close()
  }

  /// Records of which retention took the first cannot be made again at their offsets: all is built anew.
  @Test func outputsWithoutTheirFrontAreBuiltAnew() throws {
    let records = ProcessorTaskTests.records(23)
    var options = LogOptions()
    options.segmentBytes = 4000
    let fixture = try TaskFixture(options: options, derived: TopicPolicy(durability: .os, retentionBytes: 0))
    try fixture.append(records, size: 20)
    let task = try fixture.task(Self.settings())
    while try task.step(maxBytes: 2000) != .caughtUp {}
    try task.checkpointNow()
    try fixture.log.maintain()
    let latest = try fixture.partition(Topic.latest.name)
    #expect(latest.startOffset > 0 && latest.startOffset <= latest.highWatermark)
    let store = try CheckpointDirectory(fixture.checkpoints)
    for name in try store.names() where name.hasPrefix("checkpoint") { try store.remove(name) }
    let epoch = latest.epoch
    let anew = try fixture.task(Self.settings())
    #expect(anew.recovery.outcome == .rebuilt && latest.epoch != epoch)
    while try anew.step(maxBytes: 2000) != .caughtUp {}
    #expect(try fixture.contents() == ProcessorTaskTests.expected(records))
    fixture.log.close()
  }

  /// Retention may be at work while a task finds that it has to start over: then it refuses, or has all of its input.
  @Test func startingOverHoldsAllOfTheInput() throws {
    let records = ProcessorTaskTests.records(24)
    let log = Mutex<SegmentedLog<FaultyFiles>?>(nil)
    let isStartingOver = Atomic(false)
    // A checkpoint that is taken away is the moment in between.
    let files = FaultyFiles { call in
      if call.kind == .remove, call.path.contains("/checkpoint-"), isStartingOver.load(ordering: .relaxed) {
        try? log.withLock { $0 }?.maintain()
      }
      return nil
    }
    var options = LogOptions()
    options.segmentBytes = 4000
    let fixture = try TaskFixture(options: options, input: TopicPolicy(retentionBytes: 0), files: files)
    log.withLock { $0 = fixture.log }
    try fixture.append(records, size: 20)
    let task = try fixture.task(Self.settings())
    while try task.step(maxBytes: 2000) != .caughtUp {}
    try task.checkpointNow()
    try fixture.partition(Topic.ticks.name).release(below: 0)
    isStartingOver.store(true, ordering: .relaxed)
    var settings = LatestPriceSettings()
    settings.weights["coinbase"] = LatestPriceSettings.tenths(3)
    let anew = try fixture.task(Self.settings(), latest: settings)
    #expect(anew.recovery.outcome == .rebuilt && anew.position == 0)
    #expect(try fixture.partition(Topic.ticks.name).startOffset == 0)
    fixture.log.close()
  }
}
