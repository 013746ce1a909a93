// The transactional writer of one input partition on Kafka.

internal import Codecs
internal import Core
package import Log

/// Each input partition has a transactional id of its own, and thus a producer: whoever is given the partition next,
/// by hand or by the group, shuts out the one before by taking over the id, before it reads the committed position.
/// That fences a process which is thawed after it was given up for dead, in both ways to spread.
///
/// **A producer that may have asked twice is thrown away** (KIP-890): when a request about a transaction was not
/// answered in time, librdkafka asks again, and a broker that was only slow may act on the first request after the next
/// transaction began: it would end that one halfway. A new life of the id has a new epoch, which shuts out what is
/// late.
package final class KafkaTransactions: TransactionalWriter {
  private let log: KafkaLog
  private let id: String
  private let group: GroupIdentity
  private let input: (topic: String, index: Int)
  private let outputs: [(topic: String, index: Int, translation: ValueEncoding?)]
  private var scratch = ByteWriter(capacity: 0)
  private var producer: TransactionalProducer?
  /// How many producers have had the id for this writer.
  package private(set) var lives = 0
  private var isOpen = false
  private var committed: CommittedPosition?

  init(
    _ log: KafkaLog, group: GroupIdentity, input: (topic: String, index: Int),
    outputs: [(topic: String, index: Int, translation: ValueEncoding?)]
  ) {
    self.log = log
    self.group = group
    self.input = input
    self.outputs = outputs
    id = "\(log.group)-\(input.topic)-\(input.index)"
  }

  deinit { close() }

  package func open() throws(LogError) -> CommittedPosition? {
    try takeOver()
    return committed
  }

  package func append(timestampMillis: Int64, key: RawSpan, value: RawSpan, to output: Int) throws(LogError) {
    if !isOpen { try begin() }
    let (topic, index, translation) = outputs[output]
    do throws(KafkaError) {
      if let translation {
        scratch.removeAll()
        translation.store(value, into: &scratch)
        try Self.produce(producer, timestampMillis, key, scratch, topic, index)
      } else {
        try producer?.produce(timestampMillis: timestampMillis, key: key, value: value, to: topic, index)
      }
    } catch {
      throw error.writerError
    }
  }

  /// Lends the value, which a property of a class cannot do by itself.
  private static func produce(
    _ producer: TransactionalProducer?, _ timestampMillis: Int64, _ key: RawSpan, _ value: borrowing ByteWriter,
    _ topic: String, _ index: Int
  ) throws(KafkaError) {
    try producer?.produce(timestampMillis: timestampMillis, key: key, value: value.bytes, to: topic, index)
  }

  package func commit(_ position: CommittedPosition) throws(LogError) {
    if !isOpen { try begin() }
    do throws(KafkaError) {
      try producer?.commit(offered(position), of: input, group)
    } catch {
      #if PLANTED_BUGS
        if log.plantedBug == .noRewind {
          close()
          return try takeOver()
        }
      #endif
      throw error.writerError
    }
    isOpen = false
    committed = position
  }

  private func offered(_ position: CommittedPosition) -> CommittedPosition {
    #if PLANTED_BUGS
      if log.plantedBug == .offsetOffByOne {
        return CommittedPosition(offset: position.offset - 1, note: position.note)
      }
    #endif
    return position
  }

  package func close() {
    guard let producer else { return }
    if isOpen { producer.abort() }
    isOpen = false
    producer.close()
    self.producer = nil
  }

  private func begin() throws(LogError) {
    if isProducerSpent {
      let before = committed
      close()
      try takeOver()
      guard committed == before else { throw .fenced("\(id): another writer committed \(input.topic)-\(input.index)") }
    }
    do throws(KafkaError) { try producer?.begin() } catch { throw error.writerError }
    isOpen = true
  }

  private var isProducerSpent: Bool {
    guard let producer else { return true }
    #if PLANTED_BUGS
      if log.plantedBug == .reusedProducer { return false }
    #endif
    return producer.isSuspect
  }

  private func takeOver() throws(LogError) {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    do throws(KafkaError) {
      lives += 1
      producer = try log.makeTransactionalProducer(id, topics: outputs.map(\.topic))
      // Only now: nothing of the one before can change it any more.
      committed = try log.questions.committed(of: input.topic, input.index)
    } catch {
      throw error.writerError
    }
  }
}
