// What Kafka and librdkafka may answer, by what has to be done about it.

internal import CKafka
internal import Log

/// An error of a broker or of librdkafka.
package struct KafkaError: Error, Equatable, Sendable {
  /// What has to be done; the classes of librdkafka's transactional API, and one for what no retry can mend.
  package enum Consequence: Sendable, Equatable, CaseIterable {
    /// Nothing is wrong with the request: ask again, with the same arguments. librdkafka has retried it within its
    /// timeout already, so wait before.
    case retriable
    /// The transaction cannot be committed: abort it, go back to the committed offsets, begin again.
    case abortable
    /// The request will be refused each time: rights, passwords, sizes, names, settings. A person must act.
    case refused
    /// The handle is of no use any more (fenced, or out of step with the broker): close the log and open it anew.
    case fatal
  }

  package let consequence: Consequence
  /// librdkafka's name of the error, such as `_TRANSPORT` or `TOPIC_AUTHORIZATION_FAILED`.
  package let code: String
  /// For a person. Never holds a secret.
  package let reason: String

  init(_ consequence: Consequence, code: String, reason: String) {
    self.consequence = consequence
    self.code = code
    self.reason = reason
  }

  /// A setting that is not accepted.
  static func configuration(_ reason: String) -> KafkaError {
    KafkaError(.refused, code: "CONFIGURATION", reason: reason)
  }

  /// Of an error code, with what was being done.
  init(_ code: rd_kafka_resp_err_t, _ doing: String) {
    let text = unsafe rd_kafka_err2str(code).map { unsafe String(cString: $0) } ?? ""
    let name = unsafe rd_kafka_err2name(code).map { unsafe String(cString: $0) } ?? "\(code.rawValue)"
    self.init(Self.consequence(of: code), code: name, reason: "\(doing): \(text)")
  }

  /// Of what a transactional call answered, which this frees. librdkafka says by itself what has to be done, but for
  /// what no retry mends.
  init(ofTransaction error: OpaquePointer, _ doing: String) {
    defer { unsafe rd_kafka_error_destroy(error) }
    let code = unsafe rd_kafka_error_code(error)
    let name = unsafe rd_kafka_error_name(error).map { unsafe String(cString: $0) } ?? "\(code.rawValue)"
    let text = unsafe rd_kafka_error_string(error).map { unsafe String(cString: $0) } ?? ""
    let consequence: Consequence =
      if Self.consequence(of: code) == .refused {
        .refused
      } else if unsafe rd_kafka_error_is_fatal(error) != 0 {
        .fatal
      } else if unsafe rd_kafka_error_txn_requires_abort(error) != 0 {
        .abortable
      } else if unsafe rd_kafka_error_is_retriable(error) != 0 {
        .retriable
      } else {
        .fatal
      }
    self.init(consequence, code: name, reason: "\(doing): \(text)")
  }

  /// The class of an error code outside of a transaction. What is not listed is retriable: a broker of tomorrow may
  /// send what librdkafka of today does not know, and asking again, within a bound, does no harm. So is an unknown
  /// partition: librdkafka says that while the leader is away.
  static func consequence(of code: rd_kafka_resp_err_t) -> Consequence {
    switch code {
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
      RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, RD_KAFKA_RESP_ERR__INCONSISTENT:
      .fatal
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, RD_KAFKA_RESP_ERR__SSL,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_SECURITY_DISABLED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
      RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_INVALID_CONFIG,
      RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
      RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
      RD_KAFKA_RESP_ERR_INVALID_REQUEST, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
      RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
      RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
      RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      .refused
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
      RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
      .abortable
    default: .retriable
    }
  }

  /// Whether a reader may wait for it to end: not where its position or the data is the trouble.
  var isPassing: Bool {
    let final = ["_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE", "_BAD_MSG", "CORRUPT_MESSAGE"]
    return consequence == .retriable && !final.contains(code)
  }

  /// The same error, with what librdkafka says of this occurrence.
  func adding(_ text: String?) -> KafkaError {
    guard let text, !text.isEmpty, text != reason else { return self }
    return KafkaError(consequence, code: code, reason: "\(reason): \(text)")
  }

  /// The same for who only knows the port. Outside of a transaction there is nothing to abort: what was purged may or
  /// may not be in the topic, as after a timeout.
  var logError: LogError {
    let text = "\(reason) (\(code))"
    return switch consequence {
    case .retriable, .abortable: .unavailable(text)
    case .refused: .refused(text)
    case .fatal: .failed(text)
    }
  }

  private static let fencing = ["_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "TRANSACTIONAL_ID_NOT_FOUND"]

  /// The same for a transactional writer, of which a new life mends what is fatal for the handle.
  var writerError: LogError {
    let text = "\(reason) (\(code))"
    if Self.fencing.contains(code) { return .fenced(text) }
    return consequence == .refused ? .refused(text) : .unavailable(text)
  }
}
