// How existing topics differ from the topology, and what may be done about it.

import Log
import Testing

@testable import LogKafka

@Suite struct TopicPlanTests {
  private let configuration = KafkaConfiguration(bootstrapServers: "a:1")
  private static let hour: Int64 = 3_600_000

  private func steps(
    _ policy: TopicPolicy = TopicPolicy(), found: [String: String] = [:], configuration: KafkaConfiguration? = nil
  ) -> [TopicStep.Change] {
    // As created for a topology that keeps everything.
    let settings = TopicRules.settings(for: TopicSettings(name: "t"), marker: 7)
    var topic = FoundTopic(partitions: 4, replication: 3, settings: [:])
    for (key, value) in settings { topic.settings[key] = value }
    topic.settings.merge(found) { $1 }
    return TopicPlan.steps(
      for: TopicSettings(name: "t", partitions: 4, policy: policy), found: topic,
      configuration: configuration ?? self.configuration
    ).map(\.change)
  }

  @Test func whatWasCreatedDoesNotDiffer() {
    let policies = [
      TopicPolicy(), TopicPolicy(retentionMillis: 5, retentionBytes: 6, segmentMillis: 7),
      TopicPolicy(compaction: CompactionPolicy()), TopicPolicy(retentionMillis: 5, compaction: CompactionPolicy()),
    ]
    for policy in policies {
      let created = TopicRules.settings(for: TopicSettings(name: "t", policy: policy), marker: .max)
      let found = Dictionary(uniqueKeysWithValues: created.map { ($0.key, $0.value) })
      #expect(steps(policy, found: found) == [], "\(policy)")
    }
    // The same in the brokers' spelling; defaults that the topology does not speak of.
    #expect(
      steps(
        TopicPolicy(retentionMillis: 9, compaction: CompactionPolicy(afterMillis: 1, tombstoneMillis: 2)),
        found: [
          "cleanup.policy": "delete, compact", "retention.ms": "9", "min.compaction.lag.ms": "1",
          "delete.retention.ms": "2", "min.cleanable.dirty.ratio": "0.5", "segment.bytes": "1", "segment.ms": "1",
        ]) == [])
    #expect(steps(found: ["retention.bytes": "-1"]) == [])
  }

  @Test func aMissingTopicIsCreated() {
    var configuration = configuration
    configuration.replication = 3
    let steps = TopicPlan.steps(
      for: TopicSettings(name: "t", partitions: 4), found: nil, configuration: configuration)
    #expect(steps == [TopicStep(topic: "t", change: .create(partitions: 4, replication: 3))])
  }

  @Test func keepingMoreIsSafe() {
    let kept: [(TopicPolicy, [String: String], String, String)] = [
      (TopicPolicy(), ["retention.ms": "604800000"], "retention.ms", "-1"),
      (TopicPolicy(retentionMillis: 9), ["retention.ms": "8"], "retention.ms", "9"),
      // Not a marker: the topic's epoch would change.
      (TopicPolicy(), ["retention.bytes": "1000"], "retention.bytes", "-1"),
      (TopicPolicy(), ["cleanup.policy": "compact"], "cleanup.policy", "delete"),
      (TopicPolicy(), ["message.timestamp.type": "LogAppendTime"], "message.timestamp.type", "CreateTime"),
      (TopicPolicy(segmentMillis: 5), ["segment.ms": "6"], "segment.ms", "5"),
    ]
    for (policy, found, key, value) in kept {
      #expect(steps(policy, found: found) == [.set(key: key, from: found[key] ?? "", to: value)], "\(found)")
    }
  }

  @Test func keepingLessIsOnlyDoneWhereAllowed() {
    let marker = "\(Int64(1) << 62 | 7)"
    let lost: [(TopicPolicy, [String: String], [String])] = [
      (TopicPolicy(retentionMillis: Self.hour), [:], ["retention.ms"]),
      (TopicPolicy(retentionMillis: Self.hour), ["retention.ms": "\(Self.hour + 1)"], ["retention.ms"]),
      (TopicPolicy(retentionMillis: 0), ["retention.ms": "1"], ["retention.ms"]),
      (TopicPolicy(retentionBytes: 1000), ["retention.bytes": marker], ["retention.bytes"]),
      (TopicPolicy(retentionBytes: 1000), ["retention.bytes": "1001"], ["retention.bytes"]),
      (TopicPolicy(compaction: CompactionPolicy()), [:], ["cleanup.policy"]),
      (
        TopicPolicy(compaction: CompactionPolicy(afterMillis: 5, tombstoneMillis: 5)),
        [
          "cleanup.policy": "compact", "min.compaction.lag.ms": "6", "delete.retention.ms": "6",
          "min.cleanable.dirty.ratio": "0.50",
        ], ["min.compaction.lag.ms", "delete.retention.ms"]
      ),
      // Retention that compaction alone did not heed begins to count.
      (TopicPolicy(retentionMillis: 9), ["cleanup.policy": "compact", "retention.ms": "9"], ["cleanup.policy"]),
    ]
    for (policy, found, keys) in lost {
      let changes = steps(policy, found: found)
      let losing = changes.compactMap { if case .lose(let key, _, _, _) = $0 { key } else { nil } }
      #expect(losing == keys, "\(found): \(changes)")
    }
    let taken = steps(TopicPolicy(retentionBytes: 1000), found: ["retention.bytes": marker])
    guard case .lose(_, _, _, let effect)? = taken.first else {
      Issue.record("\(taken)")
      return
    }
    #expect(effect.contains("positions of before"))
  }

  @Test func layoutIsNeverChanged() {
    var demands = configuration
    (demands.replication, demands.minInsyncReplicas) = (5, 4)
    let changes = steps(found: ["min.insync.replicas": "1"], configuration: demands)
    #expect(changes.count == 2)
    for change in changes { if case .refuse = change {} else { Issue.record("\(change)") } }
    demands = configuration
    demands.minInsyncReplicas = 2
    #expect(
      steps(found: ["min.insync.replicas": "1"], configuration: demands) == [
        .set(key: "min.insync.replicas", from: "1", to: "2")
      ])
    for partitions in [1, 64] {
      let changes = TopicPlan.steps(
        for: TopicSettings(name: "t", partitions: partitions),
        found: FoundTopic(partitions: 4, replication: 3, settings: [:]), configuration: configuration
      ).map(\.change)
      guard case .refuse(let reason)? = changes.first, changes.count == 1 else {
        Issue.record("\(changes)")
        continue
      }
      #expect(reason.contains("log.partitions to 4"))
    }
  }
}
