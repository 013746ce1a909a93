// One partition of a topic on Kafka.

package import Codecs
internal import Core
package import Log
internal import Synchronization

/// A partition of a `KafkaLog`. Records keep their offsets, times, keys, values and headers; the batches that `read`
/// gives are made anew around them and begin at the offset that was asked for. Offsets may have gaps.
package final class KafkaPartition: PartitionLog {
  /// Appends that have not ended.
  private struct Open {
    var next: UInt64 = 0
    var numbers: [UInt64] = []
    /// The first failure since the last `sync`.
    var failure: LogError?
  }

  package let topic: String
  package let index: Int
  private let storedEpoch: Atomic<UInt32>
  private let log: KafkaLog
  private let producerTopic: KafkaTopic
  private let cursors: CursorShelf
  private let start: Atomic<Int64>
  private let end: Atomic<Int64>
  private let encoding: ValueEncoding?
  private let isEncodingChecked = Atomic(false)
  private let open = Monitor(Open())
  /// Held while a batch's records are handed over, so that they follow each other.
  private let turn = Mutex(())

  init(
    _ topic: String, _ index: Int, epoch: UInt32, log: KafkaLog, producerTopic: KafkaTopic, offsets: Range<Int64>,
    encoding: ValueEncoding?, makeCursor: @escaping @Sendable (Int) throws(KafkaError) -> FetchCursor
  ) {
    self.topic = topic
    self.index = index
    storedEpoch = Atomic(epoch)
    self.log = log
    self.producerTopic = producerTopic
    cursors = CursorShelf(makeCursor: makeCursor)
    start = Atomic(offsets.lowerBound)
    end = Atomic(offsets.upperBound)
    self.encoding = encoding
  }

  /// Of the values, where they are not stored as they are handled.
  var translation: ValueEncoding? { encoding?.translates == true ? encoding : nil }

  /// Throws `.otherEncoding` unless what is stored is as the topology says.
  func checkEncoding() throws(LogError) {
    guard let encoding, !isEncodingChecked.load(ordering: .acquiring) else { return }
    try check(encoding) { (offset, buffer) throws(LogError) in
      try readStored(from: offset, maxBytes: 1, into: &buffer)
    }
    isEncodingChecked.store(true, ordering: .releasing)
  }

  package var epoch: UInt32 { storedEpoch.load(ordering: .acquiring) }
  package var startOffset: Int64 { start.load(ordering: .acquiring) }
  package var highWatermark: Int64 { end.load(ordering: .acquiring) }

  /// Takes note of an end that the brokers told. It never goes back: a leader that lags behind may tell an older one.
  func publish(end offset: Int64) {
    let before = end.max(offset, ordering: .acquiringAndReleasing).oldValue
    if offset > before { log.changes.advance() }
  }

  /// The topic was deleted and created anew: nothing of before holds. On the thread "kafka-tail".
  func beginAgain(epoch: UInt32, offsets: Range<Int64>) {
    cursors.restAll()
    start.store(offsets.lowerBound, ordering: .releasing)
    end.store(offsets.upperBound, ordering: .releasing)
    storedEpoch.store(epoch, ordering: .releasing)
    log.changes.advance()
  }

  func publish(start offset: Int64) { start.max(offset, ordering: .acquiringAndReleasing) }

  // MARK: Appending

  package func append(_ batch: EncodedBatch, completion: AppendCompletion?) throws(LogError) {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    if let failure = log.failure { throw failure }
    try batch.check()
    let batch = if let translation { try stored(batch, in: translation) } else { batch }
    try turn.withLock { _ throws(LogError) in
      let number = open.withLock { $0.next }
      let outgoing = try OutgoingBatch(batch, of: self, number: number, completion: completion) { [log] batch in
        log.ended(batch)
      }
      open.withLock { open in
        open.next += 1
        open.numbers.append(number)
      }
      outgoing.send(producerTopic)
    }
  }

  /// On the thread "kafka-tail".
  func complete(_ batch: OutgoingBatch) {
    let result = batch.result
    batch.completion?(result)
    open.withLock { open in
      if let place = open.numbers.firstIndex(of: batch.number) { open.numbers.remove(at: place) }
      if case .failure(let error) = result { open.failure = open.failure ?? error }
    }
    open.broadcast()
  }

  /// Waits until all that was appended so far is delivered. Throws the first failure of an append since the last call,
  /// whoever was told already.
  package func sync() throws(LogError) {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    let last = open.withLock { $0.next }
    let failure: LogError?? = open.wait { open in
      if let first = open.numbers.first, first < last { return nil }
      defer { open.failure = nil }
      return .some(open.failure)
    }
    if let failure, let error = failure { throw error }
  }

  // MARK: Reading

  package func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool {
    let start = buffer.count
    guard try readStored(from: offset, maxBytes: maxBytes, into: &buffer) else { return false }
    if let translation { try load(&buffer, from: start, translation, at: offset) }
    return true
  }

  private func readStored(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    if offset < startOffset { throw .beforeStart(earliest: startOffset) }
    if offset > highWatermark {
      try onKafka { () throws(KafkaError) in try refreshEnds() }
      if offset > highWatermark { throw .afterEnd(end: highWatermark) }
    }
    guard offset < highWatermark else { return false }
    let before = epoch
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + Int64(log.timeouts.readMillis) * 1_000_000
    let taken = try onKafka { () throws(KafkaError) in
      try cursors.take(for: offset, timeoutNanos: Int64(log.timeouts.readMillis) * 1_000_000)
    }
    guard let cursor = taken else { throw .unavailable("too many places of \(topic)-\(index) are read at once") }
    defer { cursors.giveBack(cursor) }
    let found: Int64?
    do throws(KafkaError) {
      try cursor.go(to: offset)
      found = try cursor.read(maxBytes: maxBytes, into: &buffer) {
        !log.gate.isClosed && clock.monotonicNanos() < deadline
      }
    } catch {
      cursor.stop()
      throw try readError(error, at: offset)
    }
    guard let found else {
      if log.gate.isClosed { throw .closed }
      throw .unavailable("no record of \(topic)-\(index) at \(offset) came within the read timeout")
    }
    if epoch == before { publish(end: found) }
    return true
  }

  /// What an error of the cursor means for who reads.
  private func readError(_ error: KafkaError, at offset: Int64) throws(LogError) -> LogError {
    switch error.code {
    case "_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE":
      // The brokers do not have it any more: retention, or an election that gave up records.
      try onKafka { () throws(KafkaError) in try refreshEnds() }
      return offset < startOffset ? .beforeStart(earliest: startOffset) : .afterEnd(end: highWatermark)
    case "_BAD_MSG", "CORRUPT_MESSAGE":
      return .corrupt(file: "\(topic)-\(index)", byte: offset, reason: "the batch at this offset: \(error.reason)")
    default: return error.logError
    }
  }

  package func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64 {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    // No record's time is before 1970, and below 0 lie names such as those of the end and the beginning.
    guard timestampMillis > 0 else { return startOffset }
    let answer = try onKafka { () throws(KafkaError) in
      try log.questions.offset(of: topic, index, at: timestampMillis)
    }
    return answer < 0 ? highWatermark : answer
  }

  package func latestEnd() throws(LogError) -> Int64 {
    guard log.gate.enter() else { throw .closed }
    defer { log.gate.leave() }
    try onKafka { () throws(KafkaError) in try refreshEnds() }
    return highWatermark
  }

  /// Asks the brokers where this partition begins and ends.
  private func refreshEnds() throws(KafkaError) {
    publish(end: try log.questions.offset(of: topic, index, at: QuestionsHandle.end))
    publish(start: try log.questions.offset(of: topic, index, at: QuestionsHandle.beginning))
  }

  func restCursors(now: Int64) { cursors.rest(now: now) }

  /// Frees what reads; nobody may read any more.
  func close() { cursors.close() }

  // MARK: What Kafka cannot do

  package func truncate(to offset: Int64) throws(LogError) { throw .notCuttable(topic) }
  package func reset() throws(LogError) { throw .notCuttable(topic) }
}

/// Runs what Kafka may refuse.
func onKafka<Result>(_ body: () throws(KafkaError) -> Result) throws(LogError) -> Result {
  do throws(KafkaError) { return try body() } catch { throw error.logError }
}
