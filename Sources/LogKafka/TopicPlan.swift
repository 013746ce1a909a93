// What stands between the topics of a cluster and those of the topology.

package import Log

/// One difference, and what can be done about it.
package struct TopicStep: Sendable, Equatable {
  package enum Change: Sendable, Equatable {
    /// There is no such topic yet.
    case create(partitions: Int, replication: Int?)
    /// A setting that can be put in force without losing anything.
    case set(key: String, from: String, to: String)
    /// A setting under which events go that now stay: done only where the user allows it.
    case lose(key: String, from: String, to: String, effect: String)
    /// Nothing that can be done in place; says what to do instead.
    case refuse(String)
  }

  package let topic: String
  package let change: Change
}

/// Pure: the steps for each topic, in the order of the topics.
package enum TopicPlan {
  package static func steps(
    for topic: TopicSettings, found: FoundTopic?, configuration: KafkaConfiguration
  ) -> [TopicStep] {
    guard let found else {
      return [
        TopicStep(
          topic: topic.name, change: .create(partitions: topic.partitions, replication: configuration.replication))
      ]
    }
    var changes = layoutRefusals(topic, found, configuration).map(TopicStep.Change.refuse)
    for (key, wanted) in settings(for: topic, found, configuration) {
      // What a broker does not know by name it does not do either.
      guard let current = found.settings[key], !isSame(key, current, wanted) else { continue }
      if let effect = loss(key, current, wanted, found, topic) {
        changes.append(.lose(key: key, from: current, to: wanted, effect: effect))
      } else {
        changes.append(.set(key: key, from: current, to: wanted))
      }
    }
    return changes.map { TopicStep(topic: topic.name, change: $0) }
  }

  /// What partitions and replicas there are is not changed by settings.
  private static func layoutRefusals(
    _ topic: TopicSettings, _ found: FoundTopic, _ configuration: KafkaConfiguration
  ) -> [String] {
    var refusals: [String] = []
    if found.partitions != topic.partitions {
      let why =
        found.partitions < topic.partitions
        ? "with more, keys would move to other partitions and leave their order and state behind"
        : "Kafka takes none away"
      refusals.append(
        "has \(found.partitions) partitions, the topology says \(topic.partitions): \(why). Set log.partitions to "
          + "\(found.partitions), or feed the input anew into a cluster that does not have these topics")
    }
    if let replication = configuration.replication, found.replication != replication {
      refusals.append(
        "has \(found.replication) replicas, the topology says \(replication): replicas are moved by Kafka's own "
          + "kafka-reassign-partitions")
    }
    if let least = configuration.minInsyncReplicas, least > found.replication {
      refusals.append("has \(found.replication) replicas, of which \(least) must be in sync: nothing could be appended")
    }
    return refusals
  }

  private static func settings(
    for topic: TopicSettings, _ found: FoundTopic, _ configuration: KafkaConfiguration
  ) -> [(key: String, value: String)] {
    var least = configuration.minInsyncReplicas
    if let demanded = least, demanded > found.replication { least = nil }
    return TopicRules.settings(for: topic, marker: 0, minInsyncReplicas: least).map { key, value in
      // A topic's marker is never given later: positions of before would not be believed any more.
      key == "retention.bytes" && topic.policy.retentionBytes == nil ? (key, "-1") : (key, value)
    }
  }

  private static func isSame(_ key: String, _ current: String, _ wanted: String) -> Bool {
    switch key {
    case "cleanup.policy": return policies(current) == policies(wanted)
    case "retention.ms", "retention.bytes": return bound(current) == bound(wanted)
    case "min.cleanable.dirty.ratio": return trimmed(current) == trimmed(wanted)
    default: return current.utf8.elementsEqual(wanted.utf8)
    }
  }

  private static func policies(_ text: String) -> Set<String> {
    Set(text.split(separator: ",").map { String($0.filter { $0 != " " }) })
  }

  /// What retention leaves; nil is without bound, as a marker is.
  private static func bound(_ text: String) -> Int64? {
    guard let value = Int64(text), value >= 0, TopicRules.marker(inRetentionBytes: text) == nil else { return nil }
    return value
  }

  /// A decimal fraction without zeros at its end.
  private static func trimmed(_ text: String) -> Substring {
    var text = Substring(text)
    while text.contains("."), text.hasSuffix("0") { text = text.dropLast() }
    return text.hasSuffix(".") ? text.dropLast() : text
  }

  /// What of the events would go under the wanted value; nil if all of them stay that stay now.
  private static func loss(
    _ key: String, _ current: String, _ wanted: String, _ found: FoundTopic, _ topic: TopicSettings
  ) -> String? {
    let cleanup = policies(found.settings["cleanup.policy"] ?? "delete")
    switch key {
    case "cleanup.policy":
      let added = policies(wanted).subtracting(cleanup)
      if added.contains("compact") { return "deletes older records of a key" }
      let isBounded = topic.policy.retentionMillis != nil || topic.policy.retentionBytes != nil
      return added.contains("delete") && isBounded ? "deletes events by retention" : nil
    case "retention.ms" where cleanup.contains("delete"):
      return isLower(wanted, than: current) ? "deletes events by their event time" : nil
    case "retention.bytes" where cleanup.contains("delete"):
      guard isLower(wanted, than: current) else { return nil }
      let isMarked = TopicRules.marker(inRetentionBytes: current) != nil
      return "deletes the oldest events"
        + (isMarked ? ", and takes the topic's mark: positions of before will be refused" : "")
    case "min.compaction.lag.ms" where cleanup.contains("compact"):
      return isLower(wanted, than: current) ? "deletes older records of a key sooner" : nil
    case "delete.retention.ms" where cleanup.contains("compact"):
      return isLower(wanted, than: current) ? "deletes tombstones sooner" : nil
    default: return nil
    }
  }

  private static func isLower(_ wanted: String, than current: String) -> Bool {
    guard let wanted = bound(wanted) else { return false }
    return bound(current).map { wanted < $0 } ?? true
  }
}
