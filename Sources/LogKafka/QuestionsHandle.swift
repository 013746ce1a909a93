// The asking side: where partitions begin and end. Topics and how they are set: QuestionsHandle+Topics.

internal import CKafka
internal import Core
internal import Log
internal import Synchronization

/// Owns the handle for questions and for creating topics. Every call blocks the calling thread, within the request
/// timeout; any thread may call.
@safe final class QuestionsHandle: Sendable {
  let handle: KafkaHandle
  let timeoutMillis: Int

  init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
    handle = try KafkaHandle(.questions, configuration, logger: logger)
    timeoutMillis = configuration.timeouts.requestMillis
  }

  func destroy() { handle.destroy() }

  /// What the brokers call their cluster: the first question, so its failure says what is wrong with the connection.
  /// librdkafka goes on trying also where a person must act, until the timeout; this does not.
  func clusterIdentity() throws(KafkaError) -> String {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(timeoutMillis) * 1_000_000
    repeat {
      if let text = unsafe rd_kafka_clusterid(handle.raw, Limits.Kafka.pollMillis) {
        defer { unsafe rd_kafka_mem_free(handle.raw, text) }
        return unsafe String(cString: text)
      }
      if let trouble = handle.connectionTrouble,
        ["SASL authentication error", "certificate verify failed", "SSL alert number"].contains(where: trouble.contains)
      {
        throw KafkaError(.refused, code: "_AUTHENTICATION", reason: trouble)
      }
    } while clock.monotonicNanos() < deadline
    throw KafkaError(RD_KAFKA_RESP_ERR__TRANSPORT, "connecting").adding(handle.connectionTrouble)
  }

  // MARK: Offsets

  /// What to ask of a partition's offsets: those of librdkafka's names, or of a moment.
  static var end: Int64 { Int64(RD_KAFKA_OFFSET_END) }
  static var beginning: Int64 { Int64(RD_KAFKA_OFFSET_BEGINNING) }

  /// The offset for each of `partitions` at `time`: milliseconds since 1970, `end` or `beginning`. One request to each
  /// leader. The end is the last stable offset: behind it lie records of transactions that are not over.
  func offsets(
    of partitions: [(topic: String, index: Int)], at time: Int64, timeoutMillis: Int? = nil
  ) throws(KafkaError) -> [Result<Int64, KafkaError>] {
    let list = unsafe rd_kafka_topic_partition_list_new(Int32(clamping: partitions.count))
    defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
    for partition in partitions {
      let entry = unsafe rd_kafka_topic_partition_list_add(list, partition.topic, Int32(clamping: partition.index))
      unsafe entry?.pointee.offset = time
    }
    let timeout = Int32(clamping: timeoutMillis ?? self.timeoutMillis)
    let code = unsafe rd_kafka_offsets_for_times(handle.raw, list, timeout)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw KafkaError(code, "asking for offsets")
    }
    return partitions.map { partition in
      // Not by place: librdkafka does not say that it keeps the order.
      let found = unsafe rd_kafka_topic_partition_list_find(list, partition.topic, Int32(clamping: partition.index))
      let code = unsafe found?.pointee.err ?? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let offset = unsafe found?.pointee.offset else {
        return .failure(KafkaError(code, "asking for offsets"))
      }
      return .success(offset)
    }
  }

  /// The offset of one partition; asks again, within the request timeout, while the answer is one that may change: a
  /// leader that moves, a topic that not each broker knows yet.
  func offset(of topic: String, _ index: Int, at time: Int64) throws(KafkaError) -> Int64 {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(timeoutMillis) * 1_000_000
    while true {
      let left = Int(clamping: (deadline - clock.monotonicNanos()) / 1_000_000)
      let answer: Result<Int64, KafkaError>
      do throws(KafkaError) {
        answer = try offsets(of: [(topic, index)], at: time, timeoutMillis: max(1, left))[0]
      } catch {
        answer = .failure(error)
      }
      guard case .failure(let error) = answer, error.consequence == .retriable, clock.monotonicNanos() < deadline
      else { return try answer.get() }
      NamedThread.sleep(nanos: Limits.Kafka.retryNanos)
    }
  }

  /// The group's committed position in a partition, or nil if there is none. Waits for a transaction that is about to
  /// change it.
  func committed(of topic: String, _ index: Int) throws(KafkaError) -> CommittedPosition? {
    let list = unsafe rd_kafka_topic_partition_list_new(1)
    defer { unsafe rd_kafka_topic_partition_list_destroy(list) }
    let entry = unsafe rd_kafka_topic_partition_list_add(list, topic, Int32(clamping: index))
    var code = unsafe rd_kafka_committed(handle.raw, list, Int32(clamping: timeoutMillis))
    if code == RD_KAFKA_RESP_ERR_NO_ERROR { code = unsafe entry?.pointee.err ?? code }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let offset = unsafe entry?.pointee.offset else {
      throw KafkaError(code, "asking for the committed position of \(topic)-\(index)")
    }
    guard offset >= 0 else { return nil }
    let note = unsafe UnsafeRawBufferPointer(start: entry?.pointee.metadata, count: entry?.pointee.metadata_size ?? 0)
    return unsafe CommittedPosition(offset: offset, note: String(decoding: note, as: UTF8.self))
  }

  // MARK: Administration

  /// Starts one administrative request and waits for its answer, which the caller frees.
  func ask(
    _ kind: rd_kafka_admin_op_t, _ doing: String, _ start: (OpaquePointer?, OpaquePointer?) -> Void
  ) throws(KafkaError) -> OpaquePointer {
    let queue = unsafe rd_kafka_queue_new(handle.raw)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    let options = unsafe rd_kafka_AdminOptions_new(handle.raw, kind)
    defer { unsafe rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: 512)
    let timeout = Int32(clamping: timeoutMillis)
    _ = unsafe rd_kafka_AdminOptions_set_request_timeout(options, timeout, &text, text.count)
    unsafe start(options, queue)
    // librdkafka ends the request by itself at its timeout; the rest is for its thread to say so.
    guard let event = unsafe rd_kafka_queue_poll(queue, timeout + 5000) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, doing)
    }
    let code = unsafe rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let says = unsafe rd_kafka_event_error_string(event).map { unsafe String(cString: $0) }
      unsafe rd_kafka_event_destroy(event)
      throw KafkaError(code, doing).adding(says)
    }
    return unsafe event
  }
}
