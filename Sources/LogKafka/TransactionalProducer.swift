// One life of a transactional id: the handle, and librdkafka's transactional calls.

internal import CKafka
internal import Codecs
internal import Core
internal import Log

/// Owns one producer handle with a transactional id. Its making shuts out every earlier holder of the id, and takes
/// back what that left open. One thread at a time. It needs no thread of its own: a commit fails where a delivery did,
/// and `flush` runs delivery reports, for who wants them.
@safe final class TransactionalProducer {
  /// From the moment that the brokers may be doing something late that was asked for earlier.
  private(set) var isSuspect = false
  private let handle: KafkaHandle
  private var topics: [String: KafkaTopic] = [:]
  private let timeouts: KafkaTimeouts
  private let clock = SystemClock()

  /// As `role`, with `more` settings. `topics`: those that `produce` may write to at once.
  init(
    _ id: String, topics names: [String] = [], as role: KafkaRole = .transactions, _ configuration: KafkaConfiguration,
    logger: Logger, more: [(key: String, value: String)] = []
  ) throws(KafkaError) {
    timeouts = configuration.timeouts
    handle = try KafkaHandle(role, configuration, logger: logger, more: more + [("transactional.id", id)])
    do throws(KafkaError) {
      for name in names { _ = try topic(name) }
      try unsafe call("taking over the transactional id \(id)", timeoutMillis: timeouts.appendMillis) { timeout in
        unsafe rd_kafka_init_transactions(handle.raw, timeout)
      }
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  func close() {
    for topic in topics.values { topic.free() }
    topics = [:]
    handle.destroy()
  }

  /// The topic, for writing to it. The first time it asks the brokers.
  func topic(_ name: String) throws(KafkaError) -> KafkaTopic {
    if let topic = topics[name] { return topic }
    let topic = try KafkaTopic.known(name, to: handle, timeoutMillis: timeouts.requestMillis)
    topics[name] = topic
    return topic
  }

  func begin() throws(KafkaError) {
    try unsafe call("beginning a transaction") { _ in unsafe rd_kafka_begin_transaction(handle.raw) }
  }

  func produce(
    timestampMillis: Int64, key: RawSpan, value: RawSpan, to topic: String, _ index: Int
  ) throws(KafkaError) {
    guard let topic = topics[topic] else {
      throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "writing to \(topic)")
    }
    let code = unsafe key.withUnsafeBytes { key in
      unsafe value.withUnsafeBytes { value in
        unsafe millrace_kafka_produce_copy(
          handle.raw, topic.raw, Int32(clamping: index), timestampMillis, key.baseAddress, key.count,
          value.baseAddress, value.count)
      }
    }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw handle.fatalError ?? KafkaError(code, "writing to a transaction")
    }
  }

  /// Waits until all that was written is delivered, or has failed, and its delivery reports have run.
  func flush() throws(KafkaError) {
    let code = unsafe rd_kafka_flush(handle.raw, Int32(clamping: timeouts.appendMillis))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "appending") }
  }

  func commit() throws(KafkaError) {
    // Any other timeout than -1 may leave librdkafka and the brokers of different minds.
    try noticingLateness { () throws(KafkaError) in
      try unsafe call("committing") { timeout in unsafe rd_kafka_commit_transaction(handle.raw, timeout) }
    }
  }

  /// Commits the transaction together with `position` of the group's partition of `input`.
  func commit(
    _ position: CommittedPosition, of input: (topic: String, index: Int), _ group: GroupIdentity
  ) throws(KafkaError) {
    try noticingLateness { () throws(KafkaError) in try add(position, of: input, group) }
    try commit()
  }

  private func add(
    _ position: CommittedPosition, of input: (topic: String, index: Int), _ group: GroupIdentity
  ) throws(KafkaError) {
    let offsets = unsafe rd_kafka_topic_partition_list_new(1)
    defer { unsafe rd_kafka_topic_partition_list_destroy(offsets) }
    unsafe millrace_kafka_add_position(
      offsets, input.topic, Int32(clamping: input.index), position.offset, position.note)
    try unsafe group.withMetadata { (metadata) throws(KafkaError) in
      // Not without an end of its own: this is no step of the commit, whose end would end it.
      let doing = "adding the position \(position.offset) to the transaction"
      try unsafe call(doing, timeoutMillis: Limits.Kafka.transactionMillis / 2) { timeout in
        unsafe rd_kafka_send_offsets_to_transaction(handle.raw, offsets, metadata, timeout)
      }
    }
  }

  /// Takes back the open transaction as well as that can be done; what cannot, ends with the next `init`.
  func abort() {
    _ = unsafe rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    // The brokers may not have heard of a transaction that just began: without this, aborting it is fatal.
    _ = unsafe rd_kafka_flush(handle.raw, Limits.Kafka.pollMillis)
    guard let error = unsafe rd_kafka_abort_transaction(handle.raw, Int32(clamping: timeouts.requestMillis)) else {
      return
    }
    unsafe rd_kafka_error_destroy(error)
  }

  /// Whatever the brokers were asked twice, and answered once, they may still do later.
  private func noticingLateness(_ body: () throws(KafkaError) -> Void) throws(KafkaError) {
    let start = clock.monotonicNanos()
    defer {
      let took = clock.monotonicNanos() - start
      if took >= Int64(timeouts.socketMillis) * 1_000_000 || handle.hasSeenRequestTimeout { isSuspect = true }
    }
    try body()
  }

  /// Runs a transactional call, again while librdkafka says that the same call may succeed. `body` gets the timeout.
  private func call(
    _ doing: String, timeoutMillis: Int = -1, _ body: (Int32) -> OpaquePointer?
  ) throws(KafkaError) {
    let bound = timeoutMillis < 0 ? Limits.Kafka.transactionMillis : timeoutMillis
    let deadline = clock.monotonicNanos() + Int64(bound) * 1_000_000
    while let error = unsafe body(Int32(clamping: timeoutMillis)) {
      let failure = unsafe KafkaError(ofTransaction: error, doing)
      guard failure.consequence == .retriable, clock.monotonicNanos() < deadline else { throw failure }
      NamedThread.sleep(nanos: Limits.Kafka.retryNanos)
    }
  }
}
