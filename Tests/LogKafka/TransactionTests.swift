// Exactly once on a real broker: what a fold writes in transactions is what an undisturbed one writes.

import Codecs
import Core
import Kit
import Log
import LogKafka
import PortKit
import Processors
import Synchronization
import Testing

@Suite(.enabled(if: Broker.isThere, "no BOOTSTRAP: transactions are NOT tested; make test-kafka"))
struct TransactionTests {
  /// The same input on both logs, however it is stored: the same state, the same derived records, byte for byte.
  @Test(arguments: [nil, ValueEncoding.Form.json, .avro(id: 40_000)])
  func foldsAsTheEmbeddedLogDoes(form: ValueEncoding.Form?) throws {
    let batches = tickBatches(seed: 1, count: 20_000)
    let expected = try foldEmbedded(batches)
    let fold = try KafkaFold(storedAs: form)
    try fold.append(batches)
    let log = try fold.open()
    defer { log.close() }
    let task = try fold.task(log)
    #expect(task.recovery.outcome == .started)
    try foldAll(task)
    #expect(task.stateHash() == expected.stateHash)
    task.close()
    #expect(expected.contents.allSatisfy { !$0.isEmpty })
    #expect(try fold.contents() == expected.contents)
  }

  /// What transactions wrote, with gaps of those that were taken back in between, is judged in place.
  @Test func verifiesWhatIsThere() throws {
    let fold = try KafkaFold()
    try fold.append(tickBatches(seed: 3, count: 20_000))
    let log = try fold.open()
    defer { log.close() }
    for round in 1...4 {
      let task = try fold.task(log, checkpointRecords: 3000)
      for _ in 0..<round { _ = try task.step(maxBytes: 1 << 16) }
      try task.commit()
      _ = try task.step(maxBytes: 1 << 16)
      task.close()
    }
    // Without checkpoints: all that is committed is folded again, and told on the way.
    let elsewhere = TemporaryDirectory()
    defer { withExtendedLifetime(elsewhere) {} }
    let again = try fold.task(log, checkpoints: elsewhere)
    #expect(again.recovery.outcome == .regenerated)
    #expect(fold.silent.first?.start == 0 && fold.silent.last?.end == again.position)
    #expect(zip(fold.silent, fold.silent.dropFirst()).allSatisfy { $0.position < $1.position })
    try foldAll(again)
    again.close()
    guard case .same(let summary) = try fold.verify() else {
      Issue.record("different")
      return
    }
    #expect(summary.checkpoints > 0 && summary.topics.allSatisfy { $0.records > 0 && $0.missing == 0 })
    try log.partition(fold.outputs[1], 0).appendAndWait(makeBatch(["foreign"]))
    guard case .different(let difference) = try fold.verify() else {
      Issue.record("a foreign record is not found")
      return
    }
    #expect(difference.topic == fold.outputs[1] && difference.reason == "a record that the input does not give")
  }

  /// Tasks that vanish at any moment, without closing, with and without their checkpoints: each is followed by one that
  /// takes over.
  @Test(arguments: 1...3 as ClosedRange<UInt64>) func losesAndDoublesNothing(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    let batches = tickBatches(seed: seed, count: 20_000)
    let expected = try foldEmbedded(batches)
    let fold = try KafkaFold()
    try fold.append(batches)
    let log = try fold.open()
    defer { log.close() }
    var gone: [KafkaTask] = []
    var position: Int64 = 0
    for round in 0..<8 {
      let task = try fold.task(log, checkpointRecords: round % 3 == 0 ? 2000 : 100_000)
      #expect(task.position == position, "the committed position, seed \(seed)")
      for _ in 0..<Int.random(in: 0..<6, using: &random) {
        _ = try task.step(maxBytes: 1 << 15)
        if Bool.random(using: &random) { try task.commit() }
      }
      position = task.position
      // Not closed: its open transaction is still there for the next one to end.
      gone.append(task)
    }
    let last = try fold.task(log)
    try foldAll(last)
    #expect(last.stateHash() == expected.stateHash, "seed \(seed)")
    #expect(try fold.contents() == expected.contents, "seed \(seed)")
    for task in gone { task.close() }
    last.close()
    #expect(try fold.contents() == expected.contents, "seed \(seed)")
  }

  /// Who was given up for dead and wakes up again writes nothing.
  @Test func fencesTheOneBefore() throws {
    let batches = tickBatches(seed: 4, count: 6000)
    let fold = try KafkaFold()
    try fold.append(batches)
    let (log, other) = (try fold.open(), try fold.open())
    defer { log.close() }
    defer { other.close() }
    let zombie = try fold.task(log)
    _ = try zombie.step(maxBytes: 1 << 15)
    let successor = try fold.task(other)
    try foldAll(successor)
    #expect(throws: ProcessorError.self) {
      _ = try zombie.step(maxBytes: 1 << 15)
      try zombie.commit()
    }
    zombie.close()
    successor.close()
    #expect(try fold.contents() == foldEmbedded(batches).contents)
  }

  @Test func refusesTheHistoryOfAnotherFold() throws {
    let fold = try KafkaFold()
    try fold.append(tickBatches(seed: 5, count: 2000))
    let log = try fold.open()
    defer { log.close() }
    let task = try fold.task(log)
    try foldAll(task)
    task.close()
    // Outputs are there, but under this name nobody committed anything.
    let foreign = try fold.open { $0.group += "-other" }
    defer { foreign.close() }
    do {
      _ = try fold.task(foreign)
      Issue.record("outputs of unknown origin were taken over")
    } catch ProcessorError.otherHistory(let topic, _, _) {
      #expect(fold.outputs.contains(topic))
    }
  }

  /// Nothing was sent yet when it ends: librdkafka 2.0.2 can take that for fatal.
  @Test func endsATransactionThatJustBegan() throws {
    let fold = try KafkaFold()
    let batches = tickBatches(seed: 6, count: 1000)
    try fold.append(batches)
    for _ in 0..<3 {
      let log = try fold.open()
      let task = try fold.task(log)
      _ = try task.step(maxBytes: 1000)
      task.close()
      log.close()
    }
    #expect(try fold.contents().allSatisfy { $0.isEmpty })
    let log = try fold.open()
    defer { log.close() }
    let task = try fold.task(log)
    #expect(task.recovery.outcome == .started)
    try foldAll(task)
    task.close()
    #expect(try fold.contents() == foldEmbedded(batches).contents)
  }

  /// Whether the outputs are those of an undisturbed fold after many stops, with a bug or without.
  private static func isRightAfterStops(_ bug: KafkaPlantedBug?) throws -> Bool {
    let batches = tickBatches(seed: 7, count: 4000, perBatch: 50)
    let fold = try KafkaFold()
    try fold.append(batches)
    let log = try fold.open { $0.plantedBug = bug }
    defer { log.close() }
    for _ in 0..<10 {
      let task = try fold.task(log, checkpointRecords: 1)
      _ = try task.step(maxBytes: 1 << 12)
      try task.commit()
      task.close()
    }
    let last = try fold.task(log)
    try foldAll(last)
    last.close()
    return try fold.contents() == foldEmbedded(batches).contents
  }

  @Test func goesOnBehindTheLastRecord() throws { #expect(try Self.isRightAfterStops(nil)) }

  /// Whether one whose partitions the group took back still commits.
  private static func commitsAfterLeaving(_ bug: KafkaPlantedBug?) throws -> Bool {
    let fold = try KafkaFold()
    try fold.append(tickBatches(seed: 8, count: 500))
    let log = try fold.open { $0.plantedBug = bug }
    defer { log.close() }
    let dealt = Monitor<[Int]?>(nil)
    try log.join(
      topic: fold.input,
      GroupCallbacks(
        assigned: { indexes in
          dealt.withLock { $0 = indexes }
          dealt.broadcast()
        }, revoked: { _ in }))
    #expect(dealt.wait(timeoutNanos: 60_000_000_000) { $0 } == [0])
    let task = try fold.task(log)
    defer { task.close() }
    _ = try task.step(maxBytes: 1 << 14)
    try task.commit()
    _ = try task.step(maxBytes: 1 << 14)
    log.leave()
    do {
      try task.commit()
      return true
    } catch {
      return false
    }
  }

  @Test func oneThatLeftTheGroupCommitsNothing() throws { #expect(try !Self.commitsAfterLeaving(nil)) }

  #if PLANTED_BUGS
    @Test func findsTheOffsetOffByOne() throws { #expect(try !Self.isRightAfterStops(.offsetOffByOne)) }
    @Test func findsTheStaleGroupMetadata() throws { #expect(try Self.commitsAfterLeaving(.staleGroupMetadata)) }
  #endif
}
