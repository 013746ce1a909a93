// A member of a consumer group, which deals out partitions among processes.

internal import CKafka
internal import Core
internal import Synchronization

/// What a member is told, on its own thread. Both block the group's next step until they return: the brokers count that
/// time against `max.poll.interval.ms`.
package struct GroupCallbacks: Sendable {
  /// The partitions of the topic that this process has from now on; all of them, not only those that are new.
  package var assigned: @Sendable ([Int]) -> Void
  /// All partitions are given back. With `isLost` they may be somebody else's already: what is not committed will not
  /// be.
  package var revoked: @Sendable (_ isLost: Bool) -> Void

  package init(
    assigned: @escaping @Sendable ([Int]) -> Void, revoked: @escaping @Sendable (_ isLost: Bool) -> Void
  ) {
    self.assigned = assigned
    self.revoked = revoked
  }
}

/// Owns a consumer handle that is a member of the group and fetches nothing: records are read through cursors, as
/// everywhere. Its thread "kafka-group" answers the group's coordinator. `leave()` it, or the thread stays.
@safe package final class GroupMembership: Sendable {
  private let handle: KafkaHandle
  private let callbacks: GroupCallbacks
  private let isLeaving = Atomic(false)
  private let isAssigned = Atomic(false)
  private let thread = Mutex<NamedThread?>(nil)

  /// Joins. With `configuration.instance` it is a static member: when it comes back within the session timeout, it is
  /// given what it had, and nobody else is disturbed.
  init(
    topic: String, _ configuration: KafkaConfiguration, logger: Logger, _ callbacks: GroupCallbacks
  ) throws(KafkaError) {
    self.callbacks = callbacks
    handle = try KafkaHandle(.member, configuration, logger: logger)
    let topics = unsafe rd_kafka_topic_partition_list_new(1)
    defer { unsafe rd_kafka_topic_partition_list_destroy(topics) }
    unsafe rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA)
    let code = unsafe rd_kafka_subscribe(handle.raw, topics)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      handle.destroy()
      throw KafkaError(code, "joining the group \(configuration.group)")
    }
    thread.withLock { [self] in $0 = NamedThread("kafka-group") { self.serve() } }
  }

  /// Gives all partitions back, after `revoked`, and leaves the group, so that others get them at once.
  package func leave() {
    guard !isLeaving.exchange(true, ordering: .acquiringAndReleasing) else { return }
    thread.withLock { $0 }?.join()
    handle.destroy()
  }

  /// The group's metadata of this moment; the caller frees it. Nil while nothing is dealt to this process: librdkafka's
  /// has no generation then, and brokers do not check what has none.
  func metadata() -> OpaquePointer? {
    isAssigned.load(ordering: .acquiring) ? unsafe rd_kafka_consumer_group_metadata(handle.raw) : nil
  }

  private func serve() {
    let queue = unsafe rd_kafka_queue_get_consumer(handle.raw)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    while !isLeaving.load(ordering: .acquiring) {
      if let event = unsafe rd_kafka_queue_poll(queue, Limits.Kafka.pollMillis) { unsafe handleEvent(event) }
    }
    // Closing revokes, which comes as an event too.
    _ = unsafe rd_kafka_consumer_close_queue(handle.raw, queue)
    let deadline = SystemClock().monotonicNanos() + Limits.Kafka.destroyNanos
    while unsafe rd_kafka_consumer_closed(handle.raw) == 0, SystemClock().monotonicNanos() < deadline {
      if let event = unsafe rd_kafka_queue_poll(queue, Limits.Kafka.pollMillis) { unsafe handleEvent(event) }
    }
  }

  private func handleEvent(_ event: OpaquePointer) {
    defer { unsafe rd_kafka_event_destroy(event) }
    guard unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE else { return }
    if unsafe rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
      // Nothing is to be fetched here: the member is content with none.
      let none = unsafe rd_kafka_topic_partition_list_new(0)
      defer { unsafe rd_kafka_topic_partition_list_destroy(none) }
      _ = unsafe rd_kafka_assign(handle.raw, none)
      isAssigned.store(true, ordering: .releasing)
      callbacks.assigned(unsafe partitions(of: event))
    } else {
      let isLost = unsafe rd_kafka_assignment_lost(handle.raw) != 0
      if isLost { isAssigned.store(false, ordering: .releasing) }
      callbacks.revoked(isLost)
      isAssigned.store(false, ordering: .releasing)
      _ = unsafe rd_kafka_assign(handle.raw, nil)
    }
  }

  private func partitions(of event: OpaquePointer) -> [Int] {
    guard let list = unsafe rd_kafka_event_topic_partition_list(event) else { return [] }
    let entries = unsafe UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt))
    return unsafe entries.map { unsafe Int($0.partition) }.sorted()
  }
}
