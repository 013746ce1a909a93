// One `rd_kafka_topic_t`: a topic as one handle knows it.

internal import CKafka
internal import Synchronization

/// Owns librdkafka's object for a topic. Any thread may use it. It must be freed before its handle is destroyed:
/// whoever does that calls `free()` first, whoever else still holds this value.
@safe final class KafkaTopic: @unchecked Sendable {  // librdkafka's own locks guard what it points to.
  let raw: OpaquePointer
  let handle: KafkaHandle
  private let isFreed = Atomic(false)

  /// Nil for a name that librdkafka does not take.
  init?(_ name: String, of handle: KafkaHandle) {
    guard let raw = unsafe rd_kafka_topic_new(handle.raw, name, nil) else { return nil }
    unsafe self.raw = raw
    self.handle = handle
  }

  /// A topic of `handle`, which has asked the brokers about it.
  static func known(_ name: String, to handle: KafkaHandle, timeoutMillis: Int) throws(KafkaError) -> KafkaTopic {
    guard let topic = KafkaTopic(name, of: handle) else {
      throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "opening \(name)")
    }
    _ = try topic.refresh(timeoutMillis: timeoutMillis)
    return topic
  }

  deinit { free() }

  /// Nobody may use it any more.
  func free() {
    guard !isFreed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    unsafe rd_kafka_topic_destroy(raw)
  }

  /// Asks the brokers about the topic, so that the first record neither waits for that nor goes to a partition that
  /// does not exist. Returns the number of partitions, and whether each has a leader.
  func refresh(timeoutMillis: Int) throws(KafkaError) -> (partitions: Int, hasLeaders: Bool) {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(handle.raw, 0, raw, &metadata, Int32(clamping: timeoutMillis))
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata = unsafe metadata else {
      throw KafkaError(code, "asking about a topic")
    }
    defer { unsafe rd_kafka_metadata_destroy(metadata) }
    guard unsafe metadata.pointee.topic_cnt == 1, let topic = unsafe metadata.pointee.topics?.pointee else {
      throw KafkaError(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "asking about a topic")
    }
    let error = unsafe topic.err
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE else {
      throw KafkaError(error, "asking about a topic")
    }
    let count = unsafe Int(topic.partition_cnt)
    let partitions = unsafe UnsafeBufferPointer(start: topic.partitions, count: count)
    return (count, unsafe partitions.allSatisfy { unsafe $0.leader >= 0 })
  }
}
