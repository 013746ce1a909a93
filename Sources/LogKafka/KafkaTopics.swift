// The topics of a cluster: what there is, and putting it as the topology says.

internal import CKafka
package import Core
package import Log

/// A connection for administration alone. Every call blocks the calling thread, within the request timeout. `close()`
/// it, or its threads stay.
package final class KafkaTopics: Sendable {
  private let configuration: KafkaConfiguration
  private let questions: QuestionsHandle

  /// Connects. Errors: as `KafkaLog.open`.
  package init(_ configuration: KafkaConfiguration, logger: Logger = .silent) throws(KafkaError) {
    try configuration.check(libraryVersion: rd_kafka_version())
    self.configuration = configuration
    questions = try QuestionsHandle(configuration, logger: logger)
    do throws(KafkaError) { _ = try questions.clusterIdentity() } catch {
      questions.destroy()
      throw error
    }
  }

  package func close() { questions.destroy() }

  /// All topics but Kafka's own, or those of `names` that exist.
  package func found(_ names: [String]? = nil) throws(KafkaError) -> [String: FoundTopic] {
    var result: [String: FoundTopic] = [:]
    for (name, layout) in try questions.topics() where names?.contains(name) ?? true {
      let settings = try questions.settings(of: name)
      result[name] = FoundTopic(
        partitions: layout.partitions, replication: layout.replication, settings: settings.all, own: settings.own)
    }
    return result
  }

  package func plan(_ topics: [TopicSettings]) throws(KafkaError) -> [TopicStep] {
    let found = try found(topics.map(\.name))
    return topics.flatMap { TopicPlan.steps(for: $0, found: found[$0.name], configuration: configuration) }
  }

  /// Creates the topic if there is none, and puts in force what can be; with `allowsLoss`, also what lets events go.
  /// Returns the steps that were taken and those that were not.
  package func apply(
    _ topic: TopicSettings, allowsLoss: Bool
  ) throws(KafkaError) -> (taken: [TopicStep], left: [TopicStep]) {
    guard let found = try found([topic.name])[topic.name] else {
      let marker = UInt32.random(in: 0...UInt32.max)
      let settings = TopicRules.settings(
        for: topic, marker: marker, minInsyncReplicas: configuration.minInsyncReplicas)
      let isNew = try questions.create(
        topic.name, partitions: topic.partitions, replication: configuration.replication, settings: settings)
      // Somebody else was faster: what they made is to be looked at.
      guard isNew else { return try apply(topic, allowsLoss: allowsLoss) }
      try awaitAnswer { () throws(KafkaError) in
        try questions.topics()[topic.name]?.partitions == topic.partitions
      }
      return (TopicPlan.steps(for: topic, found: nil, configuration: configuration), [])
    }
    var own = found.settings.filter { found.own.contains($0.key) }
    var taken: [TopicStep] = []
    var left: [TopicStep] = []
    for step in TopicPlan.steps(for: topic, found: found, configuration: configuration) {
      switch step.change {
      case .set(let key, _, let value): own[key] = value
      case .lose(let key, _, let value, _) where allowsLoss: own[key] = value
      default:
        left.append(step)
        continue
      }
      taken.append(step)
    }
    if !taken.isEmpty {
      try questions.replaceSettings(of: topic.name, with: own)
      try awaitAnswer { () throws(KafkaError) in
        let current = try questions.settings(of: topic.name).all
        return own.allSatisfy { current[$0.key] == $0.value }
      }
    }
    return (taken, left)
  }

  /// The controller has done it; the broker that answers questions may be told a moment later.
  private func awaitAnswer(_ isTold: () throws(KafkaError) -> Bool) throws(KafkaError) {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(configuration.timeouts.requestMillis) * 1_000_000
    while try !isTold(), clock.monotonicNanos() < deadline { NamedThread.sleep(nanos: Limits.Kafka.retryNanos) }
  }
}
