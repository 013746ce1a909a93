// A disk that fills up and empties again under a fold: new tasks go on in place, and no reader sees anything twice.

import Codecs
import Events
import Kit
import Log
import PortKit
import Processors
import Synchronization
import Testing

@Suite struct FullDiskFoldTests {
  /// Somebody who reads the derived partitions all the while.
  private struct Reader {
    let partitions: [TaskFixture.Partition]
    var seen: [[StoredRecord]] = [[], [], []]

    init(_ fixture: TaskFixture) throws { partitions = try fixture.outputs() }

    mutating func readOn(_ note: String) throws {
      for (index, partition) in partitions.enumerated() {
        let end = Int64(seen[index].count)
        guard partition.highWatermark >= end else {
          Issue.record("\(note): \(partition.topic) went back from \(end) to \(partition.highWatermark)")
          continue
        }
        let records = try readAll(partition, from: end)
        #expect(records.map(\.offset) == Array(end..<end + Int64(records.count)), "\(note)")
        seen[index] += records
      }
    }
  }

  @Test(arguments: 1...6, [300, .max]) func goesOnInPlace(seed: UInt64, checkpointRecords: Int) throws {
    let note = "seed \(seed), checkpoints after \(checkpointRecords)"
    var random = SplitMix(seed: seed)
    let records = ProcessorTaskTests.records(seed + 100)
    let isFull = Full()
    var options = LogOptions()
    options.segmentBytes = 20_000
    let fixture = try TaskFixture(options: options, files: isFull.files)
    defer { fixture.log.close() }
    try fixture.append(records)
    let settings = TaskFixture.settings(checkpointRecords: checkpointRecords)
    let epochs = try fixture.outputs().map(\.epoch)
    var reader = try Reader(fixture)
    var task: TaskFixture.Task? = try fixture.task(settings)
    var outcomes: [RecoveryReport.Outcome] = []
    var isDone = false
    while !isDone {
      isFull.set(outcomes.count < 12 && random.next() % 3 == 0)
      do {
        if task == nil {
          task = try fixture.task(settings, mode: .inPlace)
          outcomes.append(task?.recovery.outcome ?? .started)
        }
        let result = try task?.step(maxBytes: Int(random.next() % 20_000))
        // What was appended is told of on the log's own thread.
        if random.next() % 2 == 0 { try fixture.outputs().forEach { try $0.sync() } }
        if result == .caughtUp, !isFull.value {
          try task?.checkpointNow()
          isDone = true
        }
      } catch ProcessorError.log(.diskFull) {
        task = nil
      }
      try reader.readOn(note)
    }
    #expect(outcomes.count > 2, "\(note): the disk was never full")
    #expect(outcomes.contains(checkpointRecords == .max ? .regenerated : .continued), "\(note)")
    #expect(try fixture.contents() == ProcessorTaskTests.expected(records), "\(note)")
    #expect(try fixture.outputs().map(\.epoch) == epochs)
    guard case .same = try fixture.verify() else {
      Issue.record("\(note): \(try fixture.verify())")
      return
    }
  }

  /// A partition that holds less than a checkpoint counts was changed by somebody else.
  @Test func refusesAPartitionThatWasCut() throws {
    let fixture = try TaskFixture()
    defer { fixture.log.close() }
    try fixture.append(ProcessorTaskTests.records(1))
    let task = try fixture.task()
    while try task.step() != .caughtUp {}
    try task.checkpointNow()
    let latest = try fixture.partition(Topic.latest.name)
    let end = latest.highWatermark
    try latest.truncate(to: end - 1)
    #expect(
      throws: ProcessorError.foreignRecords(topic: latest.topic, partition: 0, expected: end, found: end - 1)
    ) { try fixture.task(mode: .inPlace) }
  }
}

/// Whether the disk is full for derived records and for checkpoints.
private final class Full: Sendable {
  private let isFull = Atomic(false)
  var value: Bool { isFull.load(ordering: .relaxed) }
  func set(_ value: Bool) { isFull.store(value, ordering: .relaxed) }

  var files: FaultyFiles {
    FaultyFiles { [self] call in
      guard value, call.kind == .write || call.kind == .create, !call.path.contains(Topic.ticks.name) else {
        return nil
      }
      return .failAfter(37, .full())
    }
  }
}
