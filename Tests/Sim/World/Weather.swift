// What a seed decides before the run begins.

import Kit
import Log

/// The shape of one run, drawn from its seed: sizes that make every path frequent, and what trouble there is.
struct Weather {
  var partitions: Int
  var tasks: Int
  var producers: Int
  var readers: Int
  var recordsMax: Int
  var inFlightMax: Int
  var checkpointRecords: Int
  var followers: Int
  var options = LogOptions()
  var input: TopicPolicy
  /// By derived topic.
  var derived: [TopicPolicy]
  /// In a million calls.
  var failureRate: UInt64
  var hasFullDisk: Bool
  var hasFlips: Bool
  var hasSlowDisk: Bool
  var powerLossPercent: UInt64
  var crashPercent: UInt64

  init(_ random: inout SplitMix) {
    partitions = Int.random(in: 1...3, using: &random)
    tasks = min(partitions, Int.random(in: 0...2, using: &random))
    producers = Int.random(in: 1...4, using: &random)
    readers = Int.random(in: 1...3, using: &random)
    followers = Int.random(in: 0...2, using: &random)
    recordsMax = Self.one(of: [1, 3, 8], &random)
    inFlightMax = Self.one(of: [1, 3, 8], &random)
    checkpointRecords = Self.one(of: [20, 100, 400], &random)
    options.segmentBytes = Self.one(of: [700, 2000, 6000, 40_000], &random)
    options.indexIntervalBytes = Self.one(of: [64, 300, 2000], &random)
    options.openSegmentsMax = Self.one(of: [1, 3, 64], &random)
    failureRate = Self.one(of: [0, 0, 500, 5000], &random)
    hasFullDisk = random.next() % 3 == 0
    hasFlips = random.next() % 3 == 0
    hasSlowDisk = random.next() % 3 == 0
    powerLossPercent = Self.one(of: [0, 50, 100], &random)
    crashPercent = Self.one(of: [10, 30, 60], &random)
    // A fold needs all of its input, and only the newest price is one that older ones may give way to.
    input = Self.policy([.fsync, .fsync, .interval(millis: 20), .os], isCompactable: tasks == 0, &random)
    derived = DerivedModel.topics.indices.map { topic in
      Self.policy([.os, .os, .interval(millis: 20), .fsync], isCompactable: topic == 0, &random)
    }
  }

  private static func policy(
    _ durabilities: [Durability], isCompactable: Bool, _ random: inout SplitMix
  ) -> TopicPolicy {
    var policy = TopicPolicy(durability: one(of: durabilities, &random))
    policy.segmentMillis = one(of: [nil, nil, 1000, 30_000], &random)
    policy.retentionMillis = one(of: [nil, nil, nil, 5000, 60_000], &random)
    policy.retentionBytes = one(of: [nil, nil, nil, 1500, 10_000], &random)
    guard isCompactable else { return policy }
    policy.compaction = one(
      of: [
        nil, CompactionPolicy(afterMillis: 0, tombstoneMillis: 0, dirtyPercent: 1),
        CompactionPolicy(afterMillis: 500, tombstoneMillis: 20_000, dirtyPercent: 50),
      ], &random)
    return policy
  }

  /// Whether a power failure may take records of an input topic that were acknowledged.
  var mayForget: Bool { input.durability != .fsync }

  private static func one<Value>(of values: [Value], _ random: inout SplitMix) -> Value {
    values[Int(random.next() % UInt64(values.count))]
  }
}
