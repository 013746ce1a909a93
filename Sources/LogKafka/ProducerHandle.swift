// The writing side: one idempotent producer for all partitions, and the thread that serves it.

internal import CKafka
internal import Core
internal import Log
internal import Synchronization

/// Owns the producer. Appending threads call librdkafka themselves, which queues and blocks; the thread
/// "kafka-producer" runs the delivery reports.
final class ProducerHandle: Sendable {
  let handle: KafkaHandle
  private let isStopping = Atomic(false)
  private let thread = Mutex<NamedThread?>(nil)

  init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
    handle = try KafkaHandle(.producer, configuration, logger: logger)
    thread.withLock { [self] in $0 = NamedThread("kafka-producer") { self.serve() } }
  }

  private func serve() {
    while !isStopping.load(ordering: .acquiring) {
      unsafe rd_kafka_poll(handle.raw, Limits.Kafka.pollMillis)
    }
  }

  /// Waits until all that was handed over is delivered or has failed, which librdkafka does within the append timeout;
  /// what is left after `timeoutMillis` is thrown away and reported as such. Nobody may hand over more.
  func finish(timeoutMillis: Int) {
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(timeoutMillis) * 1_000_000
    while unsafe rd_kafka_outq_len(handle.raw) > 0, clock.monotonicNanos() < deadline {
      // The thread serves; this only looks on, at the end of everything.
      NamedThread.sleep(nanos: 1_000_000)
    }
    if unsafe rd_kafka_outq_len(handle.raw) > 0 {
      unsafe rd_kafka_purge(handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
      let last = clock.monotonicNanos() + 1_000_000_000
      while unsafe rd_kafka_outq_len(handle.raw) > 0, clock.monotonicNanos() < last {
        NamedThread.sleep(nanos: 1_000_000)
      }
    }
    isStopping.store(true, ordering: .releasing)
    thread.withLock { $0 }?.join()
  }

  /// Frees it; after `finish`, and after its topics are gone.
  func destroy() { handle.destroy() }
}
