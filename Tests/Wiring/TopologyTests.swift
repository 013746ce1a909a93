// The topology file: defaults, values, and errors that name line and column.

import Codecs
import Events
import Foundation
import Log
import Testing

@testable import Wiring

@Suite struct TopologyTests {
  @Test func anEmptyFileIsTheDefaults() throws {
    #expect(try Topology(yaml: "") == Topology())
    #expect(try Topology(yaml: "# nothing\n") == Topology())
  }

  @Test func theCommittedFileStatesTheDefaults() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "topology.yaml"), encoding: .utf8)
    var expected = Topology()
    expected.feeds = [.synthetic(Topology.Synthetic())]
    #expect(try Topology(yaml: text) == expected)
  }

  @Test func valuesAreRead() throws {
    let topology = try Topology(
      yaml: """
        log: {directory: /srv/prices, partitions: 4}
        instruments: [BTC/USD, ETH/USD]
        feeds:
          - {kind: recorded, directory: captures, speed: 2.5}
          - {kind: synthetic, ratePerSecond: max}
        processors:
          latest: {weights: {b: 0.25, a: 1}}
          candles: {intervals: [1h, 1m]}
        edge: {listen: ':9000'}
        """)
    #expect(topology.log.directory == "/srv/prices")
    #expect(topology.log.partitions == 4)
    #expect(topology.instruments == ["BTC/USD", "ETH/USD"])
    #expect(topology.feeds.first == .recorded(Topology.Recorded(directory: "captures", speedMilli: 2500)))
    #expect(topology.feeds.last == .synthetic(Topology.Synthetic(ratePerSecond: nil)))
    #expect(topology.latest.weights.map(\.source) == ["a", "b"])
    #expect(topology.latest.weights.last?.weight == Quantity(raw: 250_000_000_000_000_000))
    #expect(topology.candles.intervals == [.oneMinute, .oneHour])
    #expect(topology.edge.host == "0.0.0.0" && topology.edge.port == 9000)
  }

  @Test func topicsHaveTheirOwnPolicies() throws {
    let topology = try Topology(
      yaml: """
        log:
          durability: interval:20
          retentionHours: 48
          topics:
            prices.latest: {retentionHours: 0, retentionMiB: 64, compactAfterHours: 2}
            sources.status: {durability: os, segmentHours: 1}
        """)
    let hour: Int64 = 3_600_000
    #expect(
      topology.policy(of: .ticks)
        == TopicPolicy(durability: .interval(millis: 20), retentionMillis: 48 * hour, segmentMillis: 168 * hour))
    #expect(
      topology.policy(of: .latest)
        == TopicPolicy(
          durability: .os, retentionBytes: 64 << 20, segmentMillis: 168 * hour,
          compaction: CompactionPolicy(afterMillis: 2 * hour, tombstoneMillis: 24 * hour)))
    #expect(
      topology.policy(of: .sourceStatus)
        == TopicPolicy(durability: .os, retentionMillis: 48 * hour, segmentMillis: hour))
    #expect(Topology().policy(of: .ticks) == TopicPolicy(durability: .fsync, segmentMillis: 168 * hour))
    let lines = topology.description.split(separator: "\n")
    #expect(lines.contains("* log.durability: interval:20"))
    #expect(lines.contains("* log.topics.prices.latest.compactAfterHours: 2"))
    #expect(lines.contains("  log.topics.prices.candles.durability: os"))
  }

  @Test func topicsHaveTheirOwnEncodings() throws {
    let topology = try Topology(
      yaml: "log: {topics: {prices.candles: {encoding: json}, prices.latest: {encoding: avro}}}")
    let ids = try topology.schemaIDs()
    #expect(ids[.candles] == nil && ids[.latest] == 2)
    let encodings = topology.encodings(ids)
    #expect(encodings[Topic.candles.name]?.form == .json)
    #expect(encodings.values.filter { !$0.translates }.count == Topic.all.count - 1)
    #expect(Topology().encodings(try Topology().schemaIDs()).values.allSatisfy { !$0.translates })
    let lines = topology.description.split(separator: "\n")
    #expect(lines.contains("* log.topics.prices.candles.encoding: json"))
    #expect(lines.contains("  log.topics.prices.latest.encoding: avro"))
  }

  @Test(arguments: [
    (
      "log:\n  partition: 1\n", 2, 3,
      "unknown key \"partition\" in log; known are directory, durability, kafka, partitions, retentionHours, "
        + "retentionMiB, segmentBytes, segmentHours, topics"
    ),
    (
      "log: {durability: maybe}\n", 1, 19,
      "log.durability is \"maybe\"; it must be fsync, os or interval:1 to interval:60000 (milliseconds)"
    ),
    (
      "log:\n  topics:\n    prices.ticks: {durability: 'interval:0'}\n", 3, 32,
      "log.topics.prices.ticks.durability is \"interval:0\"; it must be fsync, os or interval:1 to interval:60000 "
        + "(milliseconds)"
    ),
    (
      "log: {retentionHours: -1}\n", 1, 23,
      "log.retentionHours is \"-1\"; it must be a whole number from 0 to 1000000"
    ),
    (
      "log: {topics: {prices.ticks: {compactAfterHours: 1}}}\n", 1, 31,
      "unknown key \"compactAfterHours\" in log.topics.prices.ticks; known are durability, encoding, retentionHours, "
        + "retentionMiB, segmentHours"
    ),
    (
      "log:\n  topics:\n    prices.candles: {encoding: text}\n", 3, 32,
      "log.topics.prices.candles.encoding is \"text\"; it must be avro or json"
    ),
    ("log:\n  partitions: 0\n", 2, 15, "log.partitions is \"0\"; it must be a whole number from 1 to 64"),
    ("log: 3\n", 1, 6, "log must be kafka, embedded or a mapping of keys"),
    ("log: {}\nlog: {}\n", 2, 1, "\"log\" is given twice"),
    ("instruments: [BTCUSD]\n", 1, 15, "instrument \"BTCUSD\" must look like BTC/USD"),
    ("feeds:\n  - kind: telepathy\n", 2, 11, "feeds[0].kind must be synthetic or recorded"),
    ("feeds:\n  - kind: recorded\n", 2, 5, "feeds[0] needs a directory of *.jsonl recordings"),
    (
      "processors:\n  candles:\n    intervals: [1m, 2m]\n", 3, 21,
      "interval \"2m\" is not one of 1m, 5m, 15m, 1h, 4h, 1d"
    ),
    (
      "processors: {latest: {weights: {x: -1}}}\n", 1, 36,
      "the weight of x is \"-1\"; it must be a number from 0 to 1000"
    ),
    ("edge: {listen: nowhere}\n", 1, 16, "edge.listen is \"nowhere\"; it must be HOST:PORT"),
  ])
  func aMistakeIsNamedByLineAndColumn(text: String, line: Int, column: Int, message: String) {
    #expect(throws: YAMLError(mark: YAMLMark(line: line, column: column), message: message)) {
      try Topology(yaml: text)
    }
  }

  @Test func brokenYAMLNamesThePlace() {
    do {
      _ = try Topology(yaml: "log:\n  directory: [a\nedge: {}\n")
      Issue.record("accepted")
    } catch {
      #expect(error.mark.line >= 2, "\(error)")
    }
  }

  @Test func aliasesCannotMakeMuchOfLittle() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...8 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    #expect(throws: YAMLError.self) { try Topology(yaml: text) }
  }
}
