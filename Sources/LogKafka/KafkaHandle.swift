// One `rd_kafka_t`: how it is made, what it says, how it ends.

internal import CKafka
internal import Core
internal import Synchronization

/// Owns one librdkafka handle. librdkafka runs threads of its own behind it, one and one for each broker; every call on
/// the handle may be made from any thread. `destroy()` frees it, after whoever uses it has stopped, and once.
@safe final class KafkaHandle: @unchecked Sendable {  // librdkafka's own locks guard what the handle points to.
  let raw: OpaquePointer
  let role: KafkaRole
  private let logger: Logger
  /// What librdkafka's log callback gets: alive until librdkafka has ended its threads.
  private let sink: Unmanaged<LogSink>
  private let isDestroyed = Atomic(false)

  init(
    _ role: KafkaRole, _ configuration: KafkaConfiguration, logger: Logger, more: [(key: String, value: String)] = []
  ) throws(KafkaError) {
    self.role = role
    self.logger = logger
    let settings =
      PinnedSettings.settings(of: role, configuration, libraryVersion: rd_kafka_version())
      + more.map { ($0.key, $0.value, isSecret: false) }
    let conf = unsafe rd_kafka_conf_new()
    var text = [CChar](repeating: 0, count: 512)
    for setting in settings {
      let code = unsafe rd_kafka_conf_set(conf, setting.key, setting.value, &text, text.count)
      guard code != RD_KAFKA_CONF_OK else { continue }
      unsafe rd_kafka_conf_destroy(conf)
      // librdkafka quotes the value, which for a secret must not be repeated.
      throw .configuration("\(setting.key): \(setting.isSecret ? "not accepted" : Self.string(text))")
    }
    let sink = unsafe Unmanaged.passRetained(LogSink(logger: logger, role: role))
    unsafe rd_kafka_conf_set_opaque(conf, sink.toOpaque())
    unsafe rd_kafka_conf_set_log_cb(conf) { handle, level, event, line in
      // Called by any of librdkafka's threads.
      guard let handle = unsafe handle, let line = unsafe line, let event = unsafe event,
        let sink = unsafe rd_kafka_opaque(handle)
      else { return }
      unsafe Unmanaged<LogSink>.fromOpaque(sink).takeUnretainedValue().log(
        level, String(cString: event), String(cString: line))
    }
    // Otherwise librdkafka would start to fetch what it is dealt.
    if role == .member { unsafe rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE) }
    if role == .producer { unsafe rd_kafka_conf_set_dr_msg_cb(conf, OutgoingBatch.deliveryReport) }
    let kind = KafkaRole.writing.contains(role) ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
    guard let raw = unsafe rd_kafka_new(kind, conf, &text, text.count) else {
      unsafe rd_kafka_conf_destroy(conf)
      unsafe sink.release()
      throw .configuration(Self.string(text))
    }
    unsafe self.raw = raw
    unsafe self.sink = sink
  }

  /// Ends librdkafka's threads and frees the handle; waits for it only as long as `Limits.Kafka.destroyNanos` says,
  /// because librdkafka may hang there. It is then left to the end of the process, and said.
  func destroy() {
    guard !isDestroyed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let isOver = Monitor(false)
    let thread = NamedThread("kafka-close") { [self] in
      unsafe rd_kafka_destroy(raw)
      unsafe sink.release()
      isOver.withLock { $0 = true }
      isOver.broadcast()
    }
    if isOver.wait(timeoutNanos: Limits.Kafka.destroyNanos, { $0 ? true : nil }) == nil {
      logger.warning("librdkafka does not let go of a handle; left to the end of the process", ["handle": "\(role)"])
    } else {
      thread.join()
    }
  }

  /// Whether librdkafka said that a request was not answered in time: it may have asked again.
  var hasSeenRequestTimeout: Bool { unsafe sink._withUnsafeGuaranteedRef { $0.hasSeenRequestTimeout } }

  /// What became of the last connection that failed, in librdkafka's words; nil if none did.
  var connectionTrouble: String? { unsafe sink._withUnsafeGuaranteedRef { $0.connectionTrouble } }

  /// The error that has made the handle useless, if any.
  var fatalError: KafkaError? {
    var text = [CChar](repeating: 0, count: 512)
    let code = unsafe rd_kafka_fatal_error(raw, &text, text.count)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    return KafkaError(.fatal, code: KafkaError(code, "").code, reason: Self.string(text))
  }

  static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// librdkafka's log lines on their way to ours.
private final class LogSink: Sendable {
  private let logger: Logger
  private let role: KafkaRole
  private let seenRequestTimeout = Atomic(false)
  private let storedTrouble = Mutex<String?>(nil)

  init(logger: Logger, role: KafkaRole) {
    self.logger = logger
    self.role = role
  }

  var hasSeenRequestTimeout: Bool { seenRequestTimeout.load(ordering: .acquiring) }

  var connectionTrouble: String? { storedTrouble.withLock { $0 } }

  /// `level` is syslog's: 0 to 3 are errors, 4 warnings, 5 and 6 news. `event` is librdkafka's word for what happened.
  func log(_ level: Int32, _ event: String, _ line: String) {
    if event == "REQTMOUT" { seenRequestTimeout.store(true, ordering: .releasing) }
    if event == "FAIL" {
      // Behind the thread's name in brackets.
      let trouble = line.hasPrefix("[thrd:") ? line.drop { $0 != " " }.dropFirst() : Substring(line)
      storedTrouble.withLock { $0 = String(trouble) }
    }
    let ours: LogLevel =
      switch level {
      case ...3: .error
      case 4: .warning
      case 5, 6: .info
      default: .debug
      }
    logger.log(ours, "librdkafka", ["handle": "\(role)", "says": line])
  }
}
