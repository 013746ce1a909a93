// Whole batches into one partition, in transactions: the writing side of a copy.

internal import CKafka
package import Codecs
internal import Core
package import Log

/// Owns a producer with a transactional id. Making it shuts out every earlier holder of the id, such as a copy that was
/// killed and of which something may still be under way, and takes back what that left open. One thread at a time.
/// `close()` it before its log.
package final class KafkaCopyWriter {
  private let log: KafkaLog
  private let id: String
  private let makeHandle: () throws(KafkaError) -> KafkaHandle
  private var handle: KafkaHandle
  private var topics: [String: KafkaTopic] = [:]
  /// A commit took so long that the brokers may have been asked twice: they may do late what belongs to this
  /// transaction, and end the next one halfway (KIP-890).
  private var isSuspect = false

  init(
    _ log: KafkaLog, id: String, makeHandle: @escaping () throws(KafkaError) -> KafkaHandle
  ) throws(KafkaError) {
    self.log = log
    self.id = id
    self.makeHandle = makeHandle
    handle = try makeHandle()
    try takeOver()
  }

  deinit { close() }

  package func close() {
    for topic in topics.values { topic.free() }
    topics = [:]
    handle.destroy()
  }

  /// Appends the batches and, as the last record, a note made for the offset of the first one; all in one transaction.
  /// After an error it may be committed or not, as a whole; the writer is then of no use any more.
  package func write(
    _ batches: [EncodedBatch], to partition: KafkaPartition, notes: KafkaPartition,
    note: (_ firstOffset: Int64) -> EncodedBatch
  ) throws(LogError) {
    do throws(KafkaError) {
      if isSuspect { try renew() }
      try unsafe call("beginning a transaction") { unsafe rd_kafka_begin_transaction(handle.raw) }
    } catch { throw error.logError }
    do throws(LogError) {
      let first = try send(batches, to: partition)
      _ = try send([note(first)], to: notes)
    } catch {
      abort()
      throw error
    }
    let clock = SystemClock()
    let start = clock.monotonicNanos()
    try onKafka { () throws(KafkaError) in
      // Any other timeout may leave librdkafka and the brokers of different minds.
      try unsafe call("committing") { unsafe rd_kafka_commit_transaction(handle.raw, -1) }
    }
    isSuspect = clock.monotonicNanos() - start >= Int64(min(log.timeouts.requestMillis, 60_000)) * 1_000_000
  }

  /// Sends the batches and waits until they are delivered, without a gap. Returns the first offset.
  private func send(_ batches: [EncodedBatch], to partition: KafkaPartition) throws(LogError) -> Int64 {
    let topic = try onKafka { () throws(KafkaError) in try known(partition.topic) }
    var outgoing: [OutgoingBatch] = []
    for (number, batch) in batches.enumerated() {
      try batch.check()
      let batch =
        if let translation = partition.translation {
          try partition.stored(batch, in: translation)
        } else { batch }
      let sent = try OutgoingBatch(batch, of: partition, number: UInt64(number), completion: nil) { _ in }
      sent.send(topic)
      outgoing.append(sent)
    }
    // Runs the delivery reports, too.
    let code = unsafe rd_kafka_flush(handle.raw, Int32(clamping: log.timeouts.appendMillis))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, "appending").logError }
    var next: Int64?
    for sent in outgoing {
      let offset = try sent.result.get()
      guard offset == next ?? offset, let end = sent.endOffset else {
        throw .refused("somebody else writes to \(partition.topic)-\(partition.index): stop that, and copy anew")
      }
      next = end
    }
    return try outgoing.first?.result.get() ?? 0
  }

  private func known(_ name: String) throws(KafkaError) -> KafkaTopic {
    if let topic = topics[name] { return topic }
    let topic = try KafkaTopic.known(name, to: handle, timeoutMillis: log.timeouts.requestMillis)
    topics[name] = topic
    return topic
  }

  private func takeOver() throws(KafkaError) {
    do throws(KafkaError) {
      try unsafe call("taking over the transactional id \(id)") {
        unsafe rd_kafka_init_transactions(handle.raw, Int32(clamping: log.timeouts.appendMillis))
      }
    } catch {
      close()
      throw error
    }
  }

  private func renew() throws(KafkaError) {
    close()
    handle = try makeHandle()
    try takeOver()
    isSuspect = false
  }

  /// As well as it can be done; what cannot, the next holder of the id does.
  private func abort() {
    _ = unsafe rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    // The brokers may not have heard of a transaction that just began: without this, aborting it is fatal.
    _ = unsafe rd_kafka_flush(handle.raw, Limits.Kafka.pollMillis)
    if let error = unsafe rd_kafka_abort_transaction(handle.raw, Int32(clamping: log.timeouts.requestMillis)) {
      unsafe rd_kafka_error_destroy(error)
    }
  }

  /// Makes a transactional call, again while librdkafka says that the same call may succeed.
  private func call(_ doing: String, _ body: () -> OpaquePointer?) throws(KafkaError) {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(log.timeouts.appendMillis) * 1_000_000
    while let error = unsafe body() {
      defer { unsafe rd_kafka_error_destroy(error) }
      if unsafe rd_kafka_error_is_retriable(error) != 0, clock.monotonicNanos() < deadline {
        NamedThread.sleep(nanos: Limits.Kafka.retryNanos)
        continue
      }
      let text = unsafe rd_kafka_error_string(error).map { unsafe String(cString: $0) }
      throw unsafe KafkaError(rd_kafka_error_code(error), doing).adding(text)
    }
  }
}

extension KafkaLog {
  /// A writer for copies; whoever held `id` is shut out.
  package func copyWriter(id: String) throws(LogError) -> KafkaCopyWriter {
    guard gate.enter() else { throw .closed }
    defer { gate.leave() }
    return try onKafka { () throws(KafkaError) in
      // What is not delivered before the transaction runs out never will be.
      let more = [("transactional.id", id), ("transaction.timeout.ms", "\(max(60_000, timeouts.appendMillis))")]
      return try KafkaCopyWriter(self, id: id) { [configuration, logger] () throws(KafkaError) in
        try KafkaHandle(.producer, configuration, logger: logger, more: more)
      }
    }
  }
}
