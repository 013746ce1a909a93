// The log on Apache Kafka: the port's topics and partitions, on librdkafka.

internal import CKafka
package import Core
package import Log
internal import Synchronization

/// A log whose topics are those of a Kafka cluster. Three kinds of handles: one producer, one for questions, and one
/// consumer for each further place that is read in the same partition. Its threads: "kafka-producer" (delivery reports)
/// and "kafka-tail" (ends of partitions, completions); reading and asking block the caller's thread. `close()` it, or
/// the threads stay.
///
/// What differs from the embedded log: other processes may write to the same partitions, so the records of a batch are
/// in order but others may lie between them; offsets may have gaps; partitions cannot be cut (`.notCuttable`); a record
/// must be of a time after 1970-01-01T00:00:00.000Z.
package final class KafkaLog: EventLog {
  private struct Topics {
    var settings: [String: TopicSettings] = [:]
    var partitions: [String: [Int: KafkaPartition]] = [:]
    var epochs: [String: UInt32] = [:]
    var producerTopics: [String: KafkaTopic] = [:]
    var counts: [String: Int] = [:]
  }

  let timeouts: KafkaTimeouts
  let gate = UseGate()
  let changes = ChangeSignal()
  let questions: QuestionsHandle
  let configuration: KafkaConfiguration
  let logger: Logger
  private let producer: ProducerHandle
  private let consumers: ConsumerHandles
  private let tail: TailWatch
  private let epochs: TopicEpochs
  private let registry = Mutex(Topics())
  private let membership = Mutex<GroupMembership?>(nil)
  private let storedFailure = Mutex<LogError?>(nil)

  /// Connects. Errors: `.refused` for settings that cannot work, `.retriable` when no broker answers within the request
  /// timeout.
  package static func open(
    _ configuration: KafkaConfiguration, logger: Logger = .silent
  ) throws(KafkaError) -> KafkaLog {
    try configuration.check(libraryVersion: rd_kafka_version())
    return try KafkaLog(configuration, logger: logger)
  }

  private init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
    self.configuration = configuration
    self.logger = logger
    timeouts = configuration.timeouts
    let questions = try QuestionsHandle(configuration, logger: logger)
    do throws(KafkaError) {
      epochs = TopicEpochs(
        cluster: try questions.clusterIdentity(), questions: questions,
        readsTopicSettings: configuration.readsTopicSettings)
      producer = try ProducerHandle(configuration, logger: logger)
    } catch {
      questions.destroy()
      throw error
    }
    self.questions = questions
    consumers = ConsumerHandles(configuration, logger: logger)
    tail = TailWatch(questions: questions, epochs: epochs, requestMillis: configuration.timeouts.requestMillis)
  }

  /// Why the log takes no appends any more, or nil.
  package var failure: LogError? { storedFailure.withLock { $0 } }

  /// Why the brokers cannot be reached, or nil: not that a fold is behind.
  package var unreadiness: String? { tail.trouble.map { "the brokers are out of reach: \($0)" } }

  // MARK: Topics

  /// Creates the topic, or checks that the existing one is the same and loses nothing that `settings` keep; its policy
  /// is not changed.
  package func createTopic(_ settings: TopicSettings) throws(LogError) {
    try settings.check()
    guard gate.enter() else { throw .closed }
    defer { gate.leave() }
    if let known = registry.withLock({ $0.settings[settings.name] }) {
      guard known.isSameTopic(as: settings) else { throw .conflictingSettings(known) }
    }
    let marker = UInt32.random(in: 0...UInt32.max)
    let isNew = try onKafka { () throws(KafkaError) in
      try questions.create(
        settings.name, partitions: settings.partitions, replication: configuration.replication,
        settings: TopicRules.settings(
          for: settings, marker: marker, minInsyncReplicas: configuration.minInsyncReplicas))
    }
    let count = try partitionCount(of: settings.name, isAwaited: true)
    guard count == settings.partitions else {
      var found = settings
      found.partitions = count
      throw .conflictingSettings(found)
    }
    if !isNew {
      let found = try onKafka { () throws(KafkaError) in try questions.settings(of: settings.name).all }
      if let danger = TopicRules.danger(in: found, for: settings) { throw .refused(danger) }
    }
    registry.withLock { $0.settings[settings.name] = settings }
  }

  /// The topics that this log created or opened: others of the cluster are none of ours.
  package func topics() -> [TopicSettings] {
    registry.withLock { Array($0.settings.values) }.sorted { $0.name < $1.name }
  }

  package func partition(_ topic: String, _ index: Int) throws(LogError) -> KafkaPartition {
    guard gate.enter() else { throw .closed }
    defer { gate.leave() }
    // One after the other: two must not open one partition twice.
    let partition = try registry.withLock { registry throws(LogError) in
      if let known = registry.partitions[topic]?[index] { return known }
      let count: Int
      if let known = registry.counts[topic] {
        count = known
      } else {
        count = try partitionCount(of: topic, isAwaited: false)
        registry.counts[topic] = count
      }
      guard (0..<count).contains(index) else { throw .unknownTopic("\(topic)-\(index)") }
      let partition = try open(topic, index, &registry)
      registry.partitions[topic, default: [:]][index] = partition
      if registry.settings[topic] == nil {
        registry.settings[topic] = TopicSettings(name: topic, partitions: count)
      }
      tail.watch(partition)
      return partition
    }
    try partition.checkEncoding()
    return partition
  }

  private func open(_ topic: String, _ index: Int, _ registry: inout Topics) throws(LogError) -> KafkaPartition {
    let epoch: UInt32
    if let known = registry.epochs[topic] {
      epoch = known
    } else {
      epoch = try self.epoch(of: topic)
      registry.epochs[topic] = epoch
    }
    return try onKafka { () throws(KafkaError) in
      let producerTopic: KafkaTopic
      if let known = registry.producerTopics[topic] {
        producerTopic = known
      } else {
        producerTopic = try KafkaTopic.known(topic, to: producer.handle, timeoutMillis: timeouts.requestMillis)
        registry.producerTopics[topic] = producerTopic
      }
      let start = try questions.offset(of: topic, index, at: QuestionsHandle.beginning)
      let end = try questions.offset(of: topic, index, at: QuestionsHandle.end)
      return KafkaPartition(
        topic, index, epoch: epoch, log: self, producerTopic: producerTopic, offsets: start..<max(start, end),
        encoding: configuration.encodings[topic]
      ) { [consumers, configuration] (place) throws(KafkaError) in
        FetchCursor(
          try consumers.topic(topic, place: place), index: index, readsHeaders: configuration.readsHeaders)
      }
    }
  }

  private func epoch(of topic: String) throws(LogError) -> UInt32 {
    let epoch = try onKafka { () throws(KafkaError) in try epochs.epoch(of: topic) }
    if !epoch.isMarked {
      logger.warning(
        "a topic without Millrace's mark: if it is deleted and created anew, old positions will be believed",
        ["topic": topic])
    }
    return epoch.value
  }

  /// How many partitions the topic has; with `isAwaited`, once all of them have leaders.
  private func partitionCount(of topic: String, isAwaited: Bool) throws(LogError) -> Int {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + min(Limits.Kafka.leadersNanos, Int64(timeouts.requestMillis) * 1_000_000)
    while true {
      do throws(KafkaError) {
        guard let known = KafkaTopic(topic, of: questions.handle) else {
          throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "asking about \(topic)")
        }
        let found = try known.refresh(timeoutMillis: timeouts.requestMillis)
        if found.hasLeaders || !isAwaited { return found.partitions }
      } catch {
        let isUnknown = ["_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION"].contains(error.code)
        if !isAwaited || clock.monotonicNanos() >= deadline {
          throw isUnknown ? .unknownTopic("\(topic)-0") : error.logError
        }
        // A topic just created is not known to each broker at once.
        if !isUnknown, error.consequence != .retriable { throw error.logError }
      }
      if clock.monotonicNanos() >= deadline { throw .unavailable("\(topic) has partitions without a leader") }
      NamedThread.sleep(nanos: Limits.Kafka.retryNanos)
    }
  }

  // MARK: Transactions

  /// The name of the group under which positions are committed.
  var group: String { configuration.group }

  /// A writer of `outputs` with the position of `input`. One for each input partition; its owner calls `open`.
  package func transactions(input: KafkaPartition, outputs: [KafkaPartition]) -> KafkaTransactions {
    KafkaTransactions(
      self, group: groupIdentity, input: (input.topic, input.index),
      outputs: outputs.map { ($0.topic, $0.index, $0.translation) })
  }

  private var groupIdentity: GroupIdentity {
    guard let membership = membership.withLock({ $0 }) else { return .named(group) }
    #if PLANTED_BUGS
      if plantedBug == .staleGroupMetadata { return .formerMember(group) }
    #endif
    return .member(membership)
  }

  /// Joins the group, to be dealt partitions of `topic`, until `leave` or `close`; see `GroupMembership`. Once.
  package func join(topic: String, _ callbacks: GroupCallbacks) throws(LogError) {
    try onKafka { () throws(KafkaError) in
      let joined = try GroupMembership(topic: topic, configuration, logger: logger, callbacks)
      membership.withLock { $0 = joined }
    }
  }

  package var isMember: Bool { membership.withLock { $0 != nil } }

  /// Gives back what the group dealt out; `revoked` was called when this returns.
  package func leave() { membership.withLock { $0 }?.leave() }

  #if PLANTED_BUGS
    var plantedBug: KafkaPlantedBug? { configuration.plantedBug }
  #endif

  func makeTransactionalProducer(_ id: String, topics: [String]) throws(KafkaError) -> TransactionalProducer {
    try TransactionalProducer(id, topics: topics, configuration, logger: logger)
  }

  // MARK: Changes

  /// On the producer's thread, or on that of an append that was not taken.
  func ended(_ batch: OutgoingBatch) {
    if case .failure(let error) = batch.result, case .failed = error {
      storedFailure.withLock { $0 = $0 ?? error }
    }
    tail.ended(batch)
  }

  package var generation: UInt64 { changes.generation }

  package func waitForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64 {
    tail.withWaiter { changes.wait(after: generation, timeoutNanos: timeoutNanos) }
  }

  package func close() {
    leave()
    guard gate.close() else { return }
    producer.finish(timeoutMillis: timeouts.appendMillis + 1000)
    tail.close()
    changes.close()
    registry.withLock { registry in
      for partition in registry.partitions.values.flatMap(\.values) { partition.close() }
      registry.partitions = [:]
      // Not with the last reference: partitions that somebody still holds have one.
      for topic in registry.producerTopics.values { topic.free() }
      registry.producerTopics = [:]
    }
    consumers.destroy()
    producer.destroy()
    questions.destroy()
  }
}
