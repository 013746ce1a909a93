// A log as a process sees it that shares it with others: it hears of what they append, late or not at all.

import Codecs
import Log
import Synchronization

final class DistantPartition: PartitionLog {
  let base: EmbeddedPartition
  let isAway = Atomic(false)
  /// How often it was asked in vain.
  let refusals = Atomic(0)
  private let known: Atomic<Int64>

  init(_ base: EmbeddedPartition) {
    self.base = base
    known = Atomic(base.highWatermark)
  }

  var topic: String { base.topic }
  var index: Int { base.index }
  var epoch: UInt32 { base.epoch }
  var startOffset: Int64 { base.startOffset }
  var highWatermark: Int64 { known.load(ordering: .acquiring) }

  func hear() { known.store(base.highWatermark, ordering: .releasing) }

  func latestEnd() throws(LogError) -> Int64 {
    try reach()
    hear()
    return highWatermark
  }

  private func reach() throws(LogError) {
    guard isAway.load(ordering: .acquiring) else { return }
    refusals.wrappingAdd(1, ordering: .acquiringAndReleasing)
    throw .unavailable("far away")
  }

  func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool {
    try reach()
    return try base.read(from: offset, maxBytes: maxBytes, into: &buffer)
  }

  func append(_ batch: EncodedBatch, completion: AppendCompletion?) throws(LogError) {
    try base.append(batch, completion: completion)
  }
  func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64 {
    try reach()
    return try base.offset(atOrAfter: timestampMillis)
  }
  func sync() throws(LogError) { try base.sync() }
  func truncate(to offset: Int64) throws(LogError) { throw .notCuttable(topic) }
  func reset() throws(LogError) { throw .notCuttable(topic) }
}

/// All partitions are opened at once; the base belongs to who made it.
final class DistantLog: EventLog {
  private let base: EmbeddedLog
  private let partitions: [String: [DistantPartition]]

  init(_ base: EmbeddedLog) throws(LogError) {
    self.base = base
    var partitions: [String: [DistantPartition]] = [:]
    for topic in base.topics() {
      for index in 0..<topic.partitions {
        partitions[topic.name, default: []].append(DistantPartition(try base.partition(topic.name, index)))
      }
    }
    self.partitions = partitions
  }

  func createTopic(_ settings: TopicSettings) throws(LogError) { try base.createTopic(settings) }
  func topics() -> [TopicSettings] { base.topics() }
  func partition(_ topic: String, _ index: Int) throws(LogError) -> DistantPartition {
    guard let found = partitions[topic]?[index] else { throw .unknownTopic(topic) }
    return found
  }
  var generation: UInt64 { base.generation }
  func waitForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64 {
    base.waitForChange(after: generation, timeoutNanos: timeoutNanos)
  }
  func close() {}
}
