// What the tests do to a real broker besides: other writers, transactions, deletions.

import CKafka
import Testing

/// Owns a plain producer handle of librdkafka, apart from those of the code under test. Used by one test at a time.
final class OtherClient {
  private let handle: OpaquePointer

  struct Refused: Error { let text: String }

  /// With a `transactionalId` it is ready to begin transactions. `isolation` is for `end`.
  init(transactionalId: String? = nil, isolation: String = "read_committed") throws {
    var text = [CChar](repeating: 0, count: 512)
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    rd_kafka_conf_set(conf, "bootstrap.servers", Broker.bootstrap, &text, text.count)
    rd_kafka_conf_set(conf, "isolation.level", isolation, &text, text.count)
    if let transactionalId { rd_kafka_conf_set(conf, "transactional.id", transactionalId, &text, text.count) }
    handle = try #require(rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count))
    if transactionalId != nil { try check(rd_kafka_init_transactions(handle, 30_000)) }
  }

  deinit { rd_kafka_destroy(handle) }

  private func check(_ error: OpaquePointer?) throws {
    guard let error else { return }
    defer { rd_kafka_error_destroy(error) }
    throw Refused(text: String(cString: rd_kafka_error_string(error)))
  }

  func begin() throws { try check(rd_kafka_begin_transaction(handle)) }
  func commit() throws { try check(rd_kafka_commit_transaction(handle, 30_000)) }
  func abort() throws { try check(rd_kafka_abort_transaction(handle, 30_000)) }

  /// The offset behind the last record of partition 0, or behind the last before an open transaction.
  func end(of topic: String) throws -> Int64 {
    var (low, high): (Int64, Int64) = (0, 0)
    let code = rd_kafka_query_watermark_offsets(handle, topic, 0, &low, &high, 30_000)
    try #require(code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return high
  }

  /// Produces and waits until all is delivered.
  func send(_ values: [String], to topic: String) throws {
    let object = try #require(rd_kafka_topic_new(handle, topic, nil))
    defer { rd_kafka_topic_destroy(object) }
    for value in values {
      var bytes = Array(value.utf8)
      let count = bytes.count
      let code = rd_kafka_produce(object, 0, RD_KAFKA_MSG_F_COPY, &bytes, count, nil, 0, nil)
      #expect(code == 0)
    }
    #expect(rd_kafka_flush(handle, 30_000) == RD_KAFKA_RESP_ERR_NO_ERROR)
  }

  private func run(_ kind: rd_kafka_admin_op_t, _ start: (OpaquePointer?, OpaquePointer?) -> Void) throws {
    let queue = rd_kafka_queue_new(handle)
    defer { rd_kafka_queue_destroy(queue) }
    let options = rd_kafka_AdminOptions_new(handle, kind)
    defer { rd_kafka_AdminOptions_destroy(options) }
    start(options, queue)
    let event = try #require(rd_kafka_queue_poll(queue, 30_000))
    defer { rd_kafka_event_destroy(event) }
    #expect(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
  }

  func delete(_ topic: String) throws {
    try run(RD_KAFKA_ADMIN_OP_DELETETOPICS) { options, queue in
      var topics: [OpaquePointer?] = [rd_kafka_DeleteTopic_new(topic)]
      rd_kafka_DeleteTopics(handle, &topics, 1, options, queue)
      rd_kafka_DeleteTopic_destroy(topics[0])
    }
  }

  /// Deletes the records of partition 0 before `offset`, as retention would.
  func deleteRecords(of topic: String, before offset: Int64) throws {
    let list = rd_kafka_topic_partition_list_new(1)
    defer { rd_kafka_topic_partition_list_destroy(list) }
    rd_kafka_topic_partition_list_add(list, topic, 0).pointee.offset = offset
    try run(RD_KAFKA_ADMIN_OP_DELETERECORDS) { options, queue in
      var requests: [OpaquePointer?] = [rd_kafka_DeleteRecords_new(list)]
      rd_kafka_DeleteRecords(handle, &requests, 1, options, queue)
      rd_kafka_DeleteRecords_destroy(requests[0])
    }
  }
}
