// The log section: where topics are, what an acknowledgement promises, how long records stay. Kafka's: Topology+Kafka.

package import Events
package import Log

extension Topology {
  /// Where the topics are.
  package enum LogBackend: Equatable, Sendable {
    case embedded
    case kafka(KafkaSection)
  }

  package struct LogSection: Equatable, Sendable {
    package var backend = LogBackend.embedded
    /// Of the embedded log's topics, and of the checkpoints with either backend.
    package var directory = "data"
    package var partitions = 1
    package var segmentBytes = 256 << 20
    /// Of input topics. Derived ones are made again after a power failure, so theirs is `os` unless they say otherwise.
    package var durability = Durability.fsync
    /// Hours until a segment is closed though it is not full.
    package var segmentHours = 168
    /// Hours that records stay at least; 0 is for ever.
    package var retentionHours = 0
    /// Mebibytes of each partition that stay at least; 0 is without bound.
    package var retentionMiB = 0
    /// What single topics have otherwise, by the names of their streams.
    package var topics: [String: TopicSection] = [:]
  }

  /// How the values of a topic are stored.
  package enum Encoding: String, CaseIterable, Sendable {
    case avro, json
  }

  /// Keys of one topic; nil is what the log section says.
  package struct TopicSection: Equatable, Sendable {
    package var encoding = Encoding.avro
    package var durability: Durability?
    package var segmentHours: Int?
    package var retentionHours: Int?
    package var retentionMiB: Int?
    /// Hours until a segment may be compacted; nil is never.
    package var compactAfterHours: Int?
    package var tombstoneHours: Int?
  }

  /// What is in force for `topic`.
  package func policy(of topic: Topic) -> TopicPolicy {
    let section = log.topics[topic.stream] ?? TopicSection()
    func millis(_ hours: Int) -> Int64? { hours == 0 ? nil : Int64(hours) * 3_600_000 }
    let mebibytes = section.retentionMiB ?? log.retentionMiB
    return TopicPolicy(
      durability: section.durability ?? (topic.isDerived ? .os : log.durability),
      retentionMillis: millis(section.retentionHours ?? log.retentionHours),
      retentionBytes: mebibytes == 0 ? nil : Int64(mebibytes) << 20,
      segmentMillis: millis(section.segmentHours ?? log.segmentHours),
      compaction: section.compactAfterHours.map { hours in
        CompactionPolicy(
          afterMillis: Int64(hours) * 3_600_000, tombstoneMillis: Int64(section.tombstoneHours ?? 24) * 3_600_000)
      })
  }

  /// How the topics are created.
  package func settings(of topic: Topic) -> TopicSettings {
    TopicSettings(
      name: topic.name, partitions: topic == .sourceStatus ? 1 : log.partitions, isDerived: topic.isDerived,
      policy: policy(of: topic))
  }
}

extension Topology.LogSection {
  private static let hours = 0...1_000_000
  private static let mebibytes = 0...1_000_000_000

  /// `log: kafka`, `log: embedded`, or a mapping of keys.
  mutating func read(_ node: YAMLNode) throws(YAMLError) {
    switch node {
    case .scalar("kafka", _): backend = .kafka(Topology.KafkaSection())
    case .scalar("embedded", _): backend = .embedded
    case .mapping:
      var section = try MappingReader(node, path: "log")
      try read(&section)
    default: throw YAMLError(mark: node.mark, message: "log must be kafka, embedded or a mapping of keys")
    }
  }

  private mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    if var inner = try section.section("kafka") {
      var kafka = Topology.KafkaSection()
      try kafka.read(&inner)
      backend = .kafka(kafka)
      try Self.refuse(["segmentBytes", "durability"], in: &section)
    }
    if let (text, _) = try section.text("directory") { directory = text }
    try section.integer("partitions", in: 1...64, into: &partitions)
    try section.integer("segmentBytes", in: (1 << 20)...(1 << 30), into: &segmentBytes)
    if let durability = try Self.durability(&section) { self.durability = durability }
    try section.integer("segmentHours", in: Self.hours, into: &segmentHours)
    try section.integer("retentionHours", in: Self.hours, into: &retentionHours)
    try section.integer("retentionMiB", in: Self.mebibytes, into: &retentionMiB)
    if var inner = try section.section("topics") {
      for topic in Topic.all {
        guard var entry = try inner.section(topic.stream) else { continue }
        if case .kafka = backend { try Self.refuse(["durability"], in: &entry) }
        topics[topic.stream] = try Self.topic(&entry, topic)
      }
      try inner.finish()
    }
    try section.finish()
  }

  /// Keys of the embedded log alone, where the topics are on Kafka.
  private static func refuse(_ keys: [String], in section: inout MappingReader) throws(YAMLError) {
    for key in keys {
      guard let (_, mark) = try section.text(key) else { continue }
      throw YAMLError(
        mark: mark,
        message:
          "\(section.name(key)) is of the embedded log, and log.kafka is given: leave it out. On Kafka an append "
          + "is acknowledged when all replicas in sync have it, and segments have the brokers' size")
    }
  }

  private static func topic(
    _ section: inout MappingReader, _ topic: Topic
  ) throws(YAMLError) -> Topology.TopicSection {
    var entry = Topology.TopicSection()
    if let (text, mark) = try section.text("encoding") {
      guard let encoding = Topology.Encoding(rawValue: text) else {
        throw YAMLError(mark: mark, message: "\(section.name("encoding")) is \"\(text)\"; it must be avro or json")
      }
      entry.encoding = encoding
    }
    entry.durability = try durability(&section)
    entry.segmentHours = try section.integer("segmentHours", in: hours)
    entry.retentionHours = try section.integer("retentionHours", in: hours)
    entry.retentionMiB = try section.integer("retentionMiB", in: mebibytes)
    // Only where a newer record of a key replaces the older ones.
    if topic.isCompactable {
      entry.compactAfterHours = try section.integer("compactAfterHours", in: hours)
      entry.tombstoneHours = try section.integer("tombstoneHours", in: hours)
    }
    try section.finish()
    return entry
  }

  private static func durability(_ section: inout MappingReader) throws(YAMLError) -> Durability? {
    guard let (text, mark) = try section.text("durability") else { return nil }
    if let durability = Durability(text: text) { return durability }
    throw YAMLError(
      mark: mark,
      message: "\(section.name("durability")) is \"\(text)\"; it must be fsync, os or interval:1 to interval:60000 "
        + "(milliseconds)")
  }
}

extension Durability {
  init?(text: String) {
    if text.utf8.elementsEqual("fsync".utf8) {
      self = .fsync
    } else if text.utf8.elementsEqual("os".utf8) {
      self = .os
    } else {
      guard text.hasPrefix("interval:"), let millis = Int(text.dropFirst(9)), (1...60_000).contains(millis) else {
        return nil
      }
      self = .interval(millis: millis)
    }
  }

  var text: String {
    switch self {
    case .fsync: "fsync"
    case .interval(let millis): "interval:\(millis)"
    case .os: "os"
    }
  }
}

extension Topology.LogSection {
  /// The cluster, where that is the log.
  package var kafka: Topology.KafkaSection? { if case .kafka(let section) = backend { section } else { nil } }

  var keys: [Topology.Key] {
    var keys = [
      Topology.Key(name: "log", value: kafka == nil ? "embedded" : "kafka"),
      Topology.Key(name: "log.directory", value: directory),
      Topology.Key(name: "log.partitions", value: "\(partitions)"),
    ]
    if let kafka {
      keys += kafka.keys
    } else {
      keys += [
        Topology.Key(name: "log.segmentBytes", value: "\(segmentBytes)", unit: "bytes"),
        Topology.Key(name: "log.durability", value: durability.text),
      ]
    }
    keys += [
      Topology.Key(name: "log.segmentHours", value: "\(segmentHours)", unit: "h"),
      Topology.Key(name: "log.retentionHours", value: Self.bound(retentionHours), unit: retentionHours > 0 ? "h" : ""),
      Topology.Key(name: "log.retentionMiB", value: Self.bound(retentionMiB), unit: retentionMiB > 0 ? "MiB" : ""),
    ]
    for topic in Topic.all { keys += topicKeys(topic) }
    return keys
  }

  private static func bound(_ number: Int) -> String { number == 0 ? "for ever" : "\(number)" }

  /// A line for each key of the topic, in force or inherited, so that the defaults can be told from what was set.
  private func topicKeys(_ topic: Topic) -> [Topology.Key] {
    let entry = topics[topic.stream] ?? Topology.TopicSection()
    let prefix = "log.topics.\(topic.stream)."
    var keys = [Topology.Key(name: prefix + "encoding", value: entry.encoding.rawValue)]
    if kafka == nil {
      keys.append(
        Topology.Key(
          name: prefix + "durability", value: (entry.durability ?? (topic.isDerived ? .os : durability)).text))
    }
    keys += [
      Topology.Key(name: prefix + "segmentHours", value: "\(entry.segmentHours ?? segmentHours)", unit: "h"),
      Topology.Key(name: prefix + "retentionHours", value: Self.bound(entry.retentionHours ?? retentionHours)),
      Topology.Key(name: prefix + "retentionMiB", value: Self.bound(entry.retentionMiB ?? retentionMiB)),
    ]
    if topic.isCompactable {
      keys += [
        Topology.Key(name: prefix + "compactAfterHours", value: entry.compactAfterHours.map(String.init) ?? "never"),
        Topology.Key(name: prefix + "tombstoneHours", value: "\(entry.tombstoneHours ?? 24)", unit: "h"),
      ]
    }
    return keys
  }
}
