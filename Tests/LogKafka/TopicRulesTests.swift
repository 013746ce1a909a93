// How topics are created, and which existing ones would lose events.

import Log
import Testing

@testable import LogKafka

@Suite struct TopicRulesTests {
  private let keepAll = TopicSettings(name: "events.v1")

  @Test func createsTopicsThatKeepEverything() {
    let settings = Dictionary(
      uniqueKeysWithValues: TopicRules.settings(for: keepAll, marker: 7).map { ($0.key, $0.value) })
    #expect(settings["retention.ms"] == "-1")
    #expect(settings["cleanup.policy"] == "delete")
    #expect(settings["message.timestamp.type"] == "CreateTime")
    #expect(settings["message.timestamp.after.max.ms"] == "9223372036854775807")
    #expect(TopicRules.danger(in: settings, for: keepAll) == nil)
    #expect(TopicRules.marker(inRetentionBytes: settings["retention.bytes"]) == 7)
  }

  @Test func createsWhatThePolicySays() {
    let policy = TopicPolicy(
      retentionMillis: 5000, retentionBytes: 100, segmentMillis: 10,
      compaction: CompactionPolicy(afterMillis: 1, tombstoneMillis: 2, dirtyPercent: 5))
    let topic = TopicSettings(name: "latest.v1", policy: policy)
    let settings = Dictionary(
      uniqueKeysWithValues: TopicRules.settings(for: topic, marker: 7).map { ($0.key, $0.value) })
    #expect(settings["retention.ms"] == "5000" && settings["retention.bytes"] == "100")
    #expect(settings["cleanup.policy"] == "compact,delete" && settings["min.cleanable.dirty.ratio"] == "0.05")
    #expect(settings["min.compaction.lag.ms"] == "1" && settings["delete.retention.ms"] == "2")
    #expect(settings["segment.ms"] == "10")
    #expect(TopicRules.danger(in: settings, for: topic) == nil)
    #expect(TopicRules.danger(in: settings, for: keepAll)?.contains("cleanup.policy") == true)
  }

  @Test func refusesTopicsThatLoseEvents() throws {
    let dangers: [([String: String], String)] = [
      (["retention.ms": "604800000"], "retention.ms=604800000"),
      (["retention.ms": "0"], "retention.ms=0"),
      (["retention.ms": "-1", "retention.bytes": "1000"], "retention.bytes=1000"),
      (["cleanup.policy": "compact"], "cleanup.policy=compact"),
      (["cleanup.policy": "compact,delete"], "cleanup.policy=compact,delete"),
      (["message.timestamp.type": "LogAppendTime"], "message.timestamp.type=LogAppendTime"),
    ]
    for (found, setting) in dangers {
      let danger = try #require(TopicRules.danger(in: found, for: keepAll), "\(found)")
      #expect(danger.contains("events.v1") && danger.contains(setting) && danger.contains("topics apply"), "\(danger)")
    }
    for found in [[:], ["retention.ms": "-1"], ["retention.bytes": "-1"], ["retention.bytes": "\(Int64.max)"]] {
      #expect(TopicRules.danger(in: found, for: keepAll) == nil, "\(found)")
    }
    let week = TopicSettings(name: "events.v1", policy: TopicPolicy(retentionMillis: 604_800_000))
    #expect(TopicRules.danger(in: ["retention.ms": "604800000"], for: week) == nil)
    #expect(TopicRules.danger(in: ["retention.ms": "604799999"], for: week) != nil)
  }

  @Test func tellsHistoriesApart() {
    let epoch = TopicRules.epoch(cluster: "c", topic: "t", marker: 1)
    #expect(epoch == TopicRules.epoch(cluster: "c", topic: "t", marker: 1))
    let others =
      [("d", "t", 1), ("c", "u", 1), ("c", "t", 2), ("c", "t", nil), ("ct", "", 1)] as [(String, String, UInt32?)]
    for (cluster, topic, marker) in others {
      #expect(TopicRules.epoch(cluster: cluster, topic: topic, marker: marker) != epoch)
    }
    for text in [nil, "-1", "0", "x", "4611686018427387903", "\(Int64.max)"] as [String?] {
      #expect(TopicRules.marker(inRetentionBytes: text) == nil)
    }
    #expect(TopicRules.marker(inRetentionBytes: "4611686018427387904") == 0)
  }
}
