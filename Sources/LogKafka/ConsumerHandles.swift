// The reading side: handles that fetch, made when a further place in a partition is read.

internal import CKafka
internal import Core
internal import Synchronization

/// Owns the consumer handles. Handle 0 serves the first cursor of every partition, handle 1 the second, and so on: at
/// most `Limits.Kafka.cursorsPerPartition`. They belong to no group. Any thread may call; `destroy()` frees them, once
/// all cursors are gone.
final class ConsumerHandles: Sendable {
  private struct Entry {
    let handle: KafkaHandle
    var topics: [String: KafkaTopic] = [:]
  }

  private let configuration: KafkaConfiguration
  private let logger: Logger
  private let entries = Mutex<[Entry]>([])

  init(_ configuration: KafkaConfiguration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// The topic as handle number `place` knows it.
  func topic(_ name: String, place: Int) throws(KafkaError) -> KafkaTopic {
    try entries.withLock { entries throws(KafkaError) in
      while entries.count <= place {
        entries.append(Entry(handle: try KafkaHandle(.consumer, configuration, logger: logger)))
      }
      if let known = entries[place].topics[name] { return known }
      let topic = try KafkaTopic.known(
        name, to: entries[place].handle, timeoutMillis: configuration.timeouts.requestMillis)
      entries[place].topics[name] = topic
      return topic
    }
  }

  func destroy() {
    let ended = entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
    for entry in ended {
      for topic in entry.topics.values { topic.free() }
      entry.handle.destroy()
    }
  }
}
