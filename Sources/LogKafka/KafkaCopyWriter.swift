// Whole batches into one partition, in transactions: the writing side of a copy.

package import Codecs
internal import Core
package import Log

/// Owns a producer with a transactional id. Making it shuts out every earlier holder of the id, such as a copy that was
/// killed and of which something may still be under way, and takes back what that left open. One thread at a time.
/// `close()` it before its log.
package final class KafkaCopyWriter {
  private let makeProducer: () throws(KafkaError) -> TransactionalProducer
  private var producer: TransactionalProducer

  init(makeProducer: @escaping () throws(KafkaError) -> TransactionalProducer) throws(KafkaError) {
    self.makeProducer = makeProducer
    producer = try makeProducer()
  }

  package func close() { producer.close() }

  /// Appends the batches and, as the last record, a note made for the offset of the first one; all in one transaction.
  /// After an error it may be committed or not, as a whole; the writer is then of no use any more.
  package func write(
    _ batches: [EncodedBatch], to partition: KafkaPartition, notes: KafkaPartition,
    note: (_ firstOffset: Int64) -> EncodedBatch
  ) throws(LogError) {
    try onKafka { () throws(KafkaError) in
      // What the brokers do late would end this transaction halfway.
      if producer.isSuspect {
        producer.close()
        producer = try makeProducer()
      }
      try producer.begin()
    }
    do throws(LogError) {
      let first = try send(batches, to: partition)
      _ = try send([note(first)], to: notes)
    } catch {
      producer.abort()
      throw error
    }
    try onKafka { () throws(KafkaError) in try producer.commit() }
  }

  /// Sends the batches and waits until they are delivered, without a gap. Returns the first offset.
  private func send(_ batches: [EncodedBatch], to partition: KafkaPartition) throws(LogError) -> Int64 {
    let topic = try onKafka { () throws(KafkaError) in try producer.topic(partition.topic) }
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
    try onKafka { () throws(KafkaError) in try producer.flush() }
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
}

extension KafkaLog {
  /// A writer for copies; whoever held `id` is shut out.
  package func copyWriter(id: String) throws(LogError) -> KafkaCopyWriter {
    guard gate.enter() else { throw .closed }
    defer { gate.leave() }
    return try onKafka { () throws(KafkaError) in
      // What is not delivered before the transaction runs out never will be.
      let more = [("transaction.timeout.ms", "\(max(60_000, timeouts.appendMillis))")]
      return try KafkaCopyWriter { [configuration, logger] () throws(KafkaError) in
        try TransactionalProducer(id, as: .producer, configuration, logger: logger, more: more)
      }
    }
  }
}
