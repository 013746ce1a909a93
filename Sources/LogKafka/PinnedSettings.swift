// librdkafka's settings as Millrace uses it, each with the reason. Whoever wants another value changes it here.

internal import Core

/// Which handles a setting is for.
enum KafkaRole: Sendable, CaseIterable {
  case producer
  /// Writes in transactions.
  case transactions
  /// Fetches records.
  case consumer
  /// Asks about topics and offsets; a handle of its own, because a broker answers one connection's requests in order,
  /// and behind a fetch that waits for records every answer would be late.
  case questions
  /// Is a member of the group that deals out partitions; fetches nothing.
  case member
}

extension KafkaRole {
  static let writing: [KafkaRole] = [.producer, .transactions]
  static let reading: [KafkaRole] = [.consumer, .questions, .member]
}

struct PinnedSetting: Sendable {
  let key: String
  let value: String
  let roles: [KafkaRole]
  let reason: String
  /// The first version of librdkafka that knows it, as it counts: 0x02000200 and more for 2.0.2.
  let since: Int32

  init(_ key: String, _ value: String, _ roles: [KafkaRole], _ reason: String, since: Int32 = 0) {
    self.key = key
    self.value = value
    self.roles = roles
    self.reason = reason
    self.since = since
  }
}

/// A setting of which a user may choose the value.
struct AdjustableSetting: Sendable {
  let key: String
  let reason: String
}

enum PinnedSettings {
  static let table: [PinnedSetting] = [
    // Connections.
    PinnedSetting("log_level", "6", KafkaRole.allCases, "connections that come and go are worth knowing"),
    PinnedSetting("log.connection.close", "false", KafkaRole.allCases, "brokers close idle ones; that is no news"),
    PinnedSetting("socket.nagle.disable", "true", KafkaRole.allCases, "small requests must not wait for more of them"),
    PinnedSetting("socket.keepalive.enable", "true", KafkaRole.allCases, "a peer that vanished is noticed"),
    PinnedSetting("reconnect.backoff.ms", "50", KafkaRole.allCases, "a restarted broker is found again quickly"),
    PinnedSetting("reconnect.backoff.max.ms", "1000", KafkaRole.allCases, "10 s by default: longer than a failover"),
    PinnedSetting("topic.metadata.refresh.interval.ms", "60000", KafkaRole.allCases, "a moved leader is an error too"),
    PinnedSetting("allow.auto.create.topics", "false", KafkaRole.reading, "a misspelt topic is an error"),
    PinnedSetting("statistics.interval.ms", "0", KafkaRole.allCases, "nobody reads them; they cost a JSON text each"),

    // Writing.
    PinnedSetting("enable.idempotence", "true", KafkaRole.writing, "a retry neither doubles nor reorders records"),
    PinnedSetting("acks", "all", KafkaRole.writing, "acknowledged means: on all replicas in sync"),
    PinnedSetting(
      "compression.codec", "lz4", KafkaRole.writing, "as the embedded log: quick, and every client reads it"),
    PinnedSetting("linger.ms", "5", KafkaRole.writing, "records of one moment share a batch"),
    PinnedSetting("batch.num.messages", "10000", KafkaRole.writing, "a busy partition's batch is bounded by its bytes"),
    PinnedSetting("batch.size", "1000000", KafkaRole.writing, "as large as a broker takes by default"),
    PinnedSetting(
      "message.max.bytes", "1000000", KafkaRole.writing, "a broker takes 1048588 with its batch header by default"),
    PinnedSetting("partitioner", "murmur2_random", KafkaRole.writing, "a key's partition is that of Java clients"),
    PinnedSetting(
      "queue.buffering.max.messages", "\(Limits.Kafka.producerMessagesMax)", KafkaRole.writing, "then an append waits"),
    PinnedSetting(
      "queue.buffering.max.kbytes", "\(Limits.Kafka.producerKilobytesMax)", KafkaRole.writing, "then an append waits"),
    PinnedSetting("retry.backoff.ms", "50", [.producer], "a leader moves within some hundred milliseconds"),

    // Reading. Not through a group: every reader says where it reads, and remembers it by itself.
    PinnedSetting(
      "isolation.level", "read_committed", [.consumer, .questions],
      "what a transaction took back was never there, and the end is that of what is committed"),
    PinnedSetting("auto.offset.reset", "error", [.consumer], "a lost position must be said; latest loses in silence"),
    PinnedSetting("enable.auto.commit", "false", KafkaRole.reading, "positions are committed with the outputs"),
    PinnedSetting("enable.auto.offset.store", "false", KafkaRole.reading, "positions are committed with the outputs"),
    PinnedSetting("enable.partition.eof", "true", [.consumer], "tells that no record is left behind the last one"),
    PinnedSetting("check.crcs", "true", [.consumer], "a damaged batch is an error, not an event"),
    PinnedSetting("fetch.wait.max.ms", "50", [.consumer], "a cursor at the end must not keep another from starting"),
    PinnedSetting("fetch.error.backoff.ms", "50", [.consumer], "a leader moves within some hundred milliseconds"),
    PinnedSetting("fetch.message.max.bytes", "\(1 << 20)", [.consumer], "of one partition in one answer"),
    PinnedSetting(
      "queued.max.messages.kbytes", "\(Limits.Kafka.cursorKilobytesMax)", [.consumer], "what is fetched ahead"),
    PinnedSetting(
      "queued.min.messages", "\(Limits.Kafka.cursorMessagesMax)", [.consumer], "what is fetched ahead of small ones"),
    PinnedSetting(
      "fetch.queue.backoff.ms", "10", [.consumer], "a second by default, long after what was fetched ahead is used up",
      since: 0x0202_0000),

    // Being dealt partitions.
    PinnedSetting(
      "partition.assignment.strategy", "range", [.member], "the cooperative ones can loop or hang in 2.0.2"),
    PinnedSetting("session.timeout.ms", "10000", [.member], "how long the partitions of a dead process lie idle"),
    PinnedSetting("heartbeat.interval.ms", "3000", [.member], "three of them in a session"),
    PinnedSetting("max.poll.interval.ms", "300000", [.member], "its thread does nothing else but to answer the group"),
  ]

  static let adjustable: [AdjustableSetting] = [
    AdjustableSetting(key: "client.id", reason: "names this process in the brokers' logs and quotas"),
    AdjustableSetting(key: "client.rack", reason: "fetches from a near replica, where the brokers allow it"),
    AdjustableSetting(key: "broker.address.family", reason: "v4 or v6, where names resolve to what is not routed"),
    AdjustableSetting(key: "ssl.endpoint.identification.algorithm", reason: "none, for certificates without a name"),
  ]

  /// The settings of a handle, timeouts included, in librdkafka's words.
  static func settings(
    of role: KafkaRole, _ configuration: KafkaConfiguration, libraryVersion: Int32
  ) -> [(key: String, value: String, isSecret: Bool)] {
    let timeouts = configuration.timeouts
    var result = [("client.id", "millrace", false), ("socket.timeout.ms", "\(timeouts.socketMillis)", false)]
    result += table.filter { $0.roles.contains(role) && $0.since <= libraryVersion }.map { ($0.key, $0.value, false) }
    if role == .transactions {
      result.append(("transaction.timeout.ms", "\(Limits.Kafka.transactionMillis)", false))
      // The coordinator puts a transaction off while it completes the one before: for some milliseconds, each time.
      result.append(("retry.backoff.ms", "10", false))
      // What is not delivered before the transaction runs out never will be.
      let appendMillis = min(timeouts.appendMillis, Limits.Kafka.transactionMillis * 3 / 4)
      result.append(("message.timeout.ms", "\(appendMillis)", false))
    }
    if role == .questions || role == .member { result.append(("group.id", configuration.group, false)) }
    if role == .member, let instance = configuration.instance { result.append(("group.instance.id", instance, false)) }
    if role == .producer { result.append(("message.timeout.ms", "\(timeouts.appendMillis)", false)) }
    return result + configuration.settings
  }
}
