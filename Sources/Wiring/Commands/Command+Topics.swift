// `millrace topics`: the topics of a Kafka cluster against the topology.

import Core
import Events
import Foundation
import Log
import LogKafka

extension Command {
  private static let json = Option(name: "json", value: nil, help: "one JSON object on a line")
  private static let statuses = """
    Exit status 0: all is as the topology says. 1: `millrace topics apply` would do something. 65: something differs
    that it would not do by itself; it says what to do.
    """

  static let topicsList = Command(
    name: "topics list", summary: "the topics of the Kafka cluster: partitions, replicas, retention, compaction",
    options: topologyOptions + [json],
    details: "Those that the topology names are marked with *."
  ) { arguments in
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    let ours = topology.topics.map(\.name)
    let found = try withTopics(topology) { topics throws(KafkaError) in try topics.found() }
    let rows = found.sorted { $0.key < $1.key }.map { TopicRow(name: $0.key, topic: $0.value, ours: ours) }
    if arguments.has("json") {
      for row in rows { Console.print(row.jsonLine) }
    } else {
      Console.print(TopicRow.table(rows))
    }
    return .success
  }

  static let topicsPlan = Command(
    name: "topics plan", summary: "how the cluster's topics differ from the topology, and what can be done about it",
    options: topologyOptions + [json], details: "Changes nothing. \(statuses)"
  ) { arguments in
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    let steps = try withTopics(topology) { topics throws(KafkaError) in try topics.plan(topology.topics) }
    for step in steps { Console.print(arguments.has("json") ? step.jsonLine : step.text + "\n") }
    if !arguments.has("json") {
      if steps.isEmpty { Console.print("no difference: \(topology.topics.count) topics are as the topology says\n") }
      for note in topology.retentionNotes { Console.message("\(note)\n") }
    }
    if steps.contains(where: \.isLeft) { return .badData }
    return steps.isEmpty ? .success : .difference
  }

  static let topicsApply = Command(
    name: "topics apply", summary: "create the topics and put in force what the topology says, where that is safe",
    options: topologyOptions + [
      json,
      Option(
        name: "allow-deletion", value: nil, help: "also what lets events go that now stay, such as less retention"),
    ],
    details: """
      Prints what it did, and what it did not do. Never changes the number of partitions or replicas.

      Exit status 0: all is as the topology says. 65: something is left that it does not do; it says what to do.
      """
  ) { arguments in
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    let left = try withTopics(topology) { topics throws(KafkaError) in
      var left: [TopicStep] = []
      for topic in topology.topics {
        let outcome = try topics.apply(topic, allowsLoss: arguments.has("allow-deletion"))
        for step in outcome.taken { Console.print(arguments.has("json") ? step.jsonLine : "done: \(step.text)\n") }
        left += outcome.left
      }
      return left
    }
    for step in left { Console.error("not done: \(step.text)") }
    return left.isEmpty ? .success : .badData
  }

  private static func withTopics<Result>(
    _ topology: Topology, _ body: (KafkaTopics) throws(KafkaError) -> Result
  ) throws -> Result {
    guard let kafka = topology.log.kafka else {
      throw CommandFailure(
        code: .usage, message: "the log is embedded, whose topics `millrace run` puts in order; see --log")
    }
    let configuration = try kafka.configuration(environment: ProcessInfo.processInfo.environment)
    do throws(KafkaError) {
      let topics = try KafkaTopics(configuration)
      defer { topics.close() }
      return try body(topics)
    } catch { throw CommandFailure(error) }
  }
}

extension Topology {
  /// All topics of the running system.
  var topics: [TopicSettings] { Topic.all.map(settings) }

  /// What retention means on Kafka, for each topic that has one.
  fileprivate var retentionNotes: [String] {
    topics.compactMap { topic in
      topic.policy.retentionMillis.map { millis in
        "note: \(topic.name) keeps \(millis / 3_600_000) h counted from the event time, not from the append: what is "
          + "replayed, copied or recorded earlier goes at once"
      }
    }
  }
}

extension CommandFailure {
  /// What each failure of Kafka means for whoever typed the command.
  init(_ error: KafkaError) {
    switch error.consequence {
    case .refused: self.init(code: .badData, message: "Kafka: \(error.reason)")
    case .retriable, .abortable, .fatal:
      self.init(code: .unavailable, message: "Kafka: \(error.reason) (\(error.code))")
    }
  }
}

extension TopicStep {
  /// Whether `apply` leaves it.
  fileprivate var isLeft: Bool {
    switch change {
    case .create, .set: false
    case .lose, .refuse: true
    }
  }

  /// One line for a person.
  var text: String {
    switch change {
    case .create(let partitions, let replication):
      "+ \(topic): create, \(partitions) partition\(partitions == 1 ? "" : "s")"
        + (replication.map { ", \($0) replicas" } ?? "")
    case .set(let key, let from, let to): "~ \(topic): \(key) \(from) -> \(to)"
    case .lose(let key, let from, let to, let effect):
      "! \(topic): \(key) \(from) -> \(to) \(effect); only with `millrace topics apply --allow-deletion`"
    case .refuse(let reason): "x \(topic): \(reason)"
    }
  }

  var jsonLine: String {
    var members = [("topic", topic.json)]
    switch change {
    case .create(let partitions, let replication):
      members += [
        ("change", "\"create\""), ("partitions", "\(partitions)"),
        ("replication", replication.map(String.init) ?? "null"),
      ]
    case .set(let key, let from, let to):
      members += [("change", "\"set\""), ("key", key.json), ("from", from.json), ("to", to.json)]
    case .lose(let key, let from, let to, let effect):
      members += [
        ("change", "\"lose\""), ("key", key.json), ("from", from.json), ("to", to.json), ("reason", effect.json),
      ]
    case .refuse(let reason): members += [("change", "\"refuse\""), ("reason", reason.json)]
    }
    return members.jsonLine
  }
}

/// One line of `topics list`.
private struct TopicRow {
  let name: String
  let topic: FoundTopic
  let isOurs: Bool

  init(name: String, topic: FoundTopic, ours: [String]) {
    self.name = name
    self.topic = topic
    isOurs = ours.contains(name)
  }

  private var retention: String {
    let millis = topic.settings["retention.ms"].flatMap { Int64($0) } ?? -1
    return millis < 0 ? "for ever" : "\(millis) ms"
  }

  private var cells: [String] {
    [
      (isOurs ? "* " : "  ") + name, "\(topic.partitions)", "\(topic.replication)", retention,
      topic.settings["cleanup.policy"] ?? "",
    ]
  }

  static func table(_ rows: [TopicRow]) -> String {
    let lines = [["  TOPIC", "PARTITIONS", "REPLICAS", "RETENTION", "CLEANUP"]] + rows.map(\.cells)
    let widths = (0..<5).map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (cell, width) in zip(line, widths) { text += cell + String(repeating: " ", count: width + 2 - cell.count) }
      while text.hasSuffix(" ") { text.removeLast() }
      return text + "\n"
    }.joined()
  }

  var jsonLine: String {
    let settings = topic.settings.sorted { $0.key < $1.key }.map { "\($0.key.json):\($0.value.json)" }
    return [
      ("topic", name.json), ("partitions", "\(topic.partitions)"), ("replication", "\(topic.replication)"),
      ("inTopology", "\(isOurs)"), ("settings", "{" + settings.joined(separator: ",") + "}"),
    ].jsonLine
  }
}
