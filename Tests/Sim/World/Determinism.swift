// One state, however it is come by: from nothing, and from each of many checkpoints.

import Codecs
import Core
import Events
import Kit
import Log
import Processors

/// Folds one fixed input with the real task, log and checkpoints, and says what came of it.
package enum Determinism {
  private typealias Partition = SegmentedPartition<SimulatedFiles>
  private typealias Store = CheckpointDirectory<SimulatedFiles>
  private static let checkpoints = 125
  private static let recordsPerCheckpoint = 30

  /// The hash of the state and of all derived records after a fold of everything: from nothing, then from each
  /// checkpoint, the newest first. All must be equal, in every process.
  package static func hashes() throws -> [UInt64] {
    let disk = SimulatedDisk(seed: 1, isVerbose: false)
    let log = try SegmentedLog.openManual(directory: "/data", files: SimulatedFiles(disk))
    try log.createTopic(TopicSettings(name: Topic.ticks.name))
    for topic in DerivedModel.topics { try log.createTopic(TopicSettings(name: topic, isDerived: true)) }
    let input = try log.partition(Topic.ticks.name, 0)
    let outputs = try DerivedModel.topics.map { try log.partition($0, 0) }
    try append(to: input, log)
    let store = try Store("/data/checkpoints", files: SimulatedFiles(disk))
    var hashes = [try foldToEnd(input, outputs, store, seed: 0, checkpointRecords: recordsPerCheckpoint)]
    let names = try store.names().filter { $0.hasPrefix("checkpoint-") }
    for (index, name) in names.enumerated().reversed() {
      // What a fold from an earlier one wrote behind it goes, so that this one is the newest.
      for later in try store.names() where later.hasPrefix("checkpoint-") && later > name { try store.remove(later) }
      hashes.append(try foldToEnd(input, outputs, store, seed: UInt64(index)))
    }
    log.close()
    return hashes
  }

  private static func append(to input: Partition, _ log: SegmentedLog<SimulatedFiles>) throws {
    var random = SplitMix(seed: 4)
    var ticks = TickSource()
    var count = 0
    while count < checkpoints * recordsPerCheckpoint {
      let (batch, records) = ticks.batch(recordsMax: 12, &random)
      try input.append(batch, completion: nil)
      count += records.count
      ticks.advance(nanos: Int64.random(in: 0...900_000_000, using: &random))
    }
    _ = log.turn()
  }

  /// Goes on from the newest checkpoint, in steps of any size, and hashes the checkpoint at the end, without the
  /// epochs, which are drawn, and the fingerprint, which covers that of the input.
  private static func foldToEnd(
    _ input: Partition, _ outputs: [Partition], _ store: Store, seed: UInt64, checkpointRecords: Int = .max
  ) throws -> UInt64 {
    var settings = TaskSettings()
    settings.checkpointRecords = checkpointRecords
    settings.checkpointsKept = 2 * checkpoints
    let task = try ProcessorTask(
      input: input, outputs: outputs, store: store, settings: settings, makeProcessor: makeSimulatedFold)
    var random = SplitMix(seed: seed)
    while try task.step(maxBytes: Int.random(in: 1...1000, using: &random)) != .caughtUp {}
    try task.checkpointNow()
    guard let name = try store.names().last(where: { $0.hasPrefix("checkpoint-") }),
      let content = try store.load(name)
    else { return 0 }
    var digest = ByteDigest()
    var reader = ByteReader(content.span.bytes)
    try reader.skip(16)
    digest.add(try reader.read(count: 8))
    try reader.skip(32)
    for _ in 0..<(try reader.read(littleEndian: Int64.self)) {
      try reader.skip(4)
      digest.add(UInt64(bitPattern: try reader.read(littleEndian: Int64.self)))
      digest.add(try reader.read(count: Int(try reader.read(littleEndian: Int64.self))))
    }
    // Everything but the checksum, which covers the epochs.
    digest.add(try reader.read(count: reader.remaining - 4))
    return digest.value
  }
}
