// Folds over an input of which retention took the front.

import Codecs
import Events
import Kit
import Log
import Processors
import Projections
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
}
