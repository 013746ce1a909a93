// librdkafka's own mock cluster: brokers in this process that can be told to fail.

import CKafka
import Log
import LogKafka
import PortKit

/// Owns a mock cluster and the handle that carries it. Used by one test at a time.
final class MockCluster {
  /// The requests whose answers a test may choose, by their numbers in Kafka's protocol.
  enum Request: Int16, Sendable, CaseIterable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case findCoordinator = 10
    case initProducerId = 22
    case addPartitionsToTxn = 24
    case addOffsetsToTxn = 25
    case endTxn = 26
    case txnOffsetCommit = 28
  }

  static let topic = "events.v1"
  private let handle: OpaquePointer
  private let cluster: OpaquePointer

  init(brokers: Int32 = 3) {
    var text = [CChar](repeating: 0, count: 512)
    let conf = rd_kafka_conf_new()
    rd_kafka_conf_set_log_cb(conf) { _, _, _, _ in }
    guard let handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, &text, text.count),
      let cluster = rd_kafka_mock_cluster_new(handle, brokers)
    else { preconditionFailure("no mock cluster") }
    self.handle = handle
    self.cluster = cluster
    rd_kafka_mock_topic_create(cluster, Self.topic, 2, min(brokers, 3))
    setLeader(1)
  }

  deinit {
    rd_kafka_mock_cluster_destroy(cluster)
    rd_kafka_destroy(handle)
  }

  /// Opens a log on it, with timeouts that a test can wait for.
  func open(
    _ timeouts: KafkaTimeouts = MockCluster.timeouts, _ adjust: (inout KafkaConfiguration) -> Void = { _ in }
  ) throws -> KafkaLog {
    let bootstrap = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    var configuration = KafkaConfiguration(bootstrapServers: bootstrap, timeouts: timeouts)
    configuration.readsTopicSettings = false
    adjust(&configuration)
    // On a busy machine the cluster may not be up within timeouts that are short for what is to be tested.
    for _ in 1..<5 {
      if let log = try? KafkaLog.open(configuration) { return log }
    }
    return try KafkaLog.open(configuration)
  }

  static let timeouts = KafkaTimeouts(appendMillis: 3000, requestMillis: 2000, readMillis: 3000)

  /// Answers the next `times` requests of a kind with `error`; `__TRANSPORT` cuts the connection.
  func fail(_ request: Request, _ error: rd_kafka_resp_err_t, times: Int) {
    rd_kafka_mock_push_request_errors_array(
      cluster, request.rawValue, times, [rd_kafka_resp_err_t](repeating: error, count: times))
  }

  func recover(_ request: Request) { rd_kafka_mock_clear_request_errors(cluster, request.rawValue) }

  func setLeader(_ broker: Int32) {
    for partition in 0..<2 as Range<Int32> {
      rd_kafka_mock_partition_set_leader(cluster, Self.topic, partition, broker)
    }
  }

  func setDown(_ broker: Int32) { rd_kafka_mock_broker_set_down(cluster, broker) }
  func setUp(_ broker: Int32) { rd_kafka_mock_broker_set_up(cluster, broker) }
  /// Every answer of the broker takes so long.
  func setDelay(_ broker: Int32, millis: Int32) { rd_kafka_mock_broker_set_rtt(cluster, broker, millis) }

  /// The next answer to a request of this kind comes so late, and is right.
  func delay(_ request: Request, millis: Int32) {
    for broker in 1...3 as ClosedRange<Int32> {
      millrace_kafka_mock_delay(cluster, broker, request.rawValue, millis)
    }
  }
}
