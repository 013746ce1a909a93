// Where the partitions end: asked for again and again, and before an append is acknowledged.

internal import Core
internal import Log

/// The thread "kafka-tail". It asks for the last stable offsets of all open partitions, publishes them, and then
/// completes the appends that were delivered meanwhile: so that what is acknowledged can be read, and the end is always
/// that of committed records. One answer serves all appends that waited for it.
final class TailWatch: Sendable {
  private struct State {
    var partitions: [KafkaPartition] = []
    var delivered: [OutgoingBatch] = []
    var waiters = 0
    var isClosed = false
    /// Why the brokers did not answer the last time, and since when.
    var trouble: (reason: String, sinceNanos: Int64)?
  }

  private let monitor = Monitor(State())
  private let questions: QuestionsHandle
  private let epochs: TopicEpochs
  private let requestMillis: Int
  private let thread: Monitor<NamedThread?>

  init(questions: QuestionsHandle, epochs: TopicEpochs, requestMillis: Int) {
    self.questions = questions
    self.epochs = epochs
    self.requestMillis = requestMillis
    thread = Monitor(nil)
    thread.withLock { [self] in $0 = NamedThread("kafka-tail") { self.run() } }
  }

  func watch(_ partition: KafkaPartition) { monitor.withLock { $0.partitions.append(partition) } }

  /// Takes over a batch whose records all have their delivery reports. Never blocks.
  func ended(_ batch: OutgoingBatch) {
    monitor.withLock { $0.delivered.append(batch) }
    monitor.broadcast()
  }

  /// While somebody waits, the ends are asked for more often.
  func withWaiter<Result>(_ body: () -> Result) -> Result {
    let isFirst = monitor.withLock { state in
      state.waiters += 1
      return state.waiters == 1
    }
    if isFirst { monitor.broadcast() }
    defer { monitor.withLock { $0.waiters -= 1 } }
    return body()
  }

  /// Completes what has ended, and ends the thread. No append may be under way.
  func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.broadcast()
    thread.withLock { $0 }?.join()
  }

  private func run() {
    let clock = SystemClock()
    var delivered: [OutgoingBatch] = []
    var nextStartPoll = clock.monotonicNanos() + Limits.Kafka.startPollNanos
    var wasWaited = false
    var silent: Set<ObjectIdentifier> = []
    while true {
      let pause = wasWaited ? Limits.Kafka.tailPollNanos : Limits.Kafka.tailIdleNanos
      let hadWaiters = wasWaited
      // What comes first: an append to complete, the end, somebody who begins to wait, or the time.
      _ = monitor.wait(timeoutNanos: pause) { state in
        !state.delivered.isEmpty || state.isClosed || (state.waiters > 0 && !hadWaiters) ? () : nil
      }
      delivered.removeAll(keepingCapacity: true)
      let (partitions, isClosed) = monitor.withLock { state in
        swap(&delivered, &state.delivered)
        wasWaited = state.waiters > 0
        return (state.partitions, state.isClosed)
      }
      refresh(isClosed ? unique(delivered) : partitions, &silent)
      for batch in delivered { batch.partition.complete(batch) }
      if isClosed, delivered.isEmpty { return }
      let now = clock.monotonicNanos()
      guard now >= nextStartPoll else { continue }
      nextStartPoll = now + Limits.Kafka.startPollNanos
      refreshStarts(partitions)
      // What the brokers cannot tell now is asked again with the next round.
      try? epochs.renew(partitions)
      for partition in partitions { partition.restCursors(now: now) }
    }
  }

  private func unique(_ batches: [OutgoingBatch]) -> [KafkaPartition] {
    var seen: [KafkaPartition] = []
    for batch in batches where !seen.contains(where: { $0 === batch.partition }) { seen.append(batch.partition) }
    return seen
  }

  /// Asks for the ends and publishes them. What cannot be answered now is asked again with the next round; appends are
  /// durable all the same. `silent` are the partitions that could not be answered the last time: they may have been
  /// deleted and created anew meanwhile, which is asked first.
  private func refresh(_ partitions: [KafkaPartition], _ silent: inout Set<ObjectIdentifier>) {
    guard !partitions.isEmpty else { return }
    let places = partitions.map { ($0.topic, $0.index) }
    let timeout = min(requestMillis, 1000)
    var trouble: KafkaError?
    var returned: [KafkaPartition] = []
    do throws(KafkaError) {
      let ends = try questions.offsets(of: places, at: QuestionsHandle.end, timeoutMillis: timeout)
      for (partition, end) in zip(partitions, ends) {
        switch end {
        case .success where silent.contains(ObjectIdentifier(partition)): returned.append(partition)
        case .success(let offset): partition.publish(end: offset)
        case .failure(let error):
          trouble = error
          silent.insert(ObjectIdentifier(partition))
        }
      }
      try epochs.renew(returned)
      for partition in returned { silent.remove(ObjectIdentifier(partition)) }
    } catch {
      trouble = error
      silent.formUnion(partitions.map { ObjectIdentifier($0) })
    }
    monitor.withLock { state in
      let since = state.trouble?.sinceNanos ?? SystemClock().monotonicNanos()
      state.trouble = trouble.map { ("\($0.reason) (\($0.code))", since) }
    }
  }

  /// Why the ends of some partitions are not known since `Limits.Kafka.troubleNanos`, or nil.
  var trouble: String? {
    monitor.withLock { state in
      guard let trouble = state.trouble else { return nil }
      return SystemClock().monotonicNanos() - trouble.sinceNanos > Limits.Kafka.troubleNanos ? trouble.reason : nil
    }
  }

  private func refreshStarts(_ partitions: [KafkaPartition]) {
    guard !partitions.isEmpty else { return }
    let places = partitions.map { ($0.topic, $0.index) }
    guard let starts = try? questions.offsets(of: places, at: QuestionsHandle.beginning) else { return }
    for (partition, start) in zip(partitions, starts) {
      if let start = try? start.get() { partition.publish(start: start) }
    }
  }
}
