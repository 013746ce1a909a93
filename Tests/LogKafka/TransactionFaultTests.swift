// Transactions against brokers that fail: each ends in time and in its class, and none is called done that is not.

import CKafka
import Codecs
import Core
import Log
import LogKafka
import Synchronization
import Testing

/// One row of the matrix: what the brokers answer once while a writer opens or commits, and how that may end.
private struct TransactionFault: Sendable, CustomStringConvertible {
  enum Step: String, Sendable { case open, commit }
  enum End: String, Sendable { case success, unavailable, fenced, refused, other }

  let step: Step
  let request: MockCluster.Request
  let code: rd_kafka_resp_err_t
  let ends: [End]

  var description: String {
    let name = rd_kafka_err2name(code).map { String(cString: $0) } ?? "\(code.rawValue)"
    return "\(step): \(request) \(name): \(ends)"
  }

  /// Errors that say: ask again.
  static let passing = [
    RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
    RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
  ]
  static let final = [
    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
    RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING,
    RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
  ]
  /// No broker answers these when asked for a coordinator. librdkafka 2.0.2 then puts a group's request aside until
  /// some broker's state changes, whatever its timeout: for ever, where nothing else happens.
  static let neverOfFindCoordinator = [
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
  ]

  static let all: [TransactionFault] = {
    let opening: [MockCluster.Request] = [.findCoordinator, .initProducerId]
    let committing: [MockCluster.Request] = [
      .findCoordinator, .addPartitionsToTxn, .addOffsetsToTxn, .txnOffsetCommit, .endTxn, .produce,
    ]
    var rows: [TransactionFault] = []
    for (step, requests) in [(.open, opening), (.commit, committing)] as [(Step, [MockCluster.Request])] {
      for request in requests {
        for code in passing where request != .findCoordinator || !neverOfFindCoordinator.contains(code) {
          // librdkafka may give up what another try would have mended: then nothing is committed, and a new writer goes
          // on.
          rows.append(TransactionFault(step: step, request: request, code: code, ends: [.success, .unavailable]))
        }
        for code in final {
          // Where no coordinator is asked anew, and where librdkafka asks again all the same, nothing went wrong.
          let mayPass = step == .open || request == .findCoordinator || request == .produce
          let ends: [End] = [.unavailable, .fenced, .refused] + (mayPass ? [.success] : [])
          rows.append(TransactionFault(step: step, request: request, code: code, ends: ends))
        }
      }
    }
    return rows
  }()

  static let timeouts = KafkaTimeouts(appendMillis: 10_000, requestMillis: 5000, readMillis: 5000)

  /// What was not as it should be; throws what went wrong before the fault.
  func run() throws -> String? {
    let mock = MockCluster()
    let log = try mock.open(Self.timeouts)
    defer { log.close() }
    let partition = try log.partition(MockCluster.topic, 0)
    let output = try log.partition(MockCluster.topic, 1)
    let writer = log.transactions(input: partition, outputs: [output])
    defer { writer.close() }
    if step == .commit { _ = try writer.open() }
    mock.fail(request, code, times: 1)
    let start = SystemClock().monotonicNanos()
    var end = End.success
    var problem = ""
    do {
      if step == .open { _ = try writer.open() } else { try writer.commitOne() }
    } catch {
      problem = "\(error)"
      switch error {
      case .unavailable: end = .unavailable
      case .fenced: end = .fenced
      case .refused: end = .refused
      default: end = .other
      }
    }
    let millis = (SystemClock().monotonicNanos() - start) / 1_000_000
    if !ends.contains(end) { return "\(self): ended as \(end) \(problem)" }
    // The longest that is tried, and room for a busy machine.
    return millis > 75_000 ? "\(self): took \(millis) ms" : nil
  }
}

extension KafkaTransactions {
  fileprivate func commitOne() throws(LogError) {
    let (key, value): ([UInt8], [UInt8]) = ([1], [2])
    try append(timestampMillis: 1, key: key.span.bytes, value: value.span.bytes, to: 0)
    try commit(CommittedPosition(offset: 1, note: "x"))
  }
}

@Suite struct TransactionFaultTests {
  @Test func everyFaultEndsInTimeAndInItsClass() {
    let rows = Mutex(TransactionFault.all)
    let problems = Mutex<[String]>([])
    let threads = (0..<12).map { _ in
      NamedThread("fault") {
        while let row = rows.withLock({ $0.popLast() }) {
          for attempt in 1...5 {
            do {
              if let problem = try row.run() { problems.withLock { $0.append(problem) } }
              break
            } catch {
              if attempt == 5 { problems.withLock { $0.append("\(row): before the fault: \(error)") } }
            }
          }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(problems.withLock { $0 } == [])
    // Together with the matrix of appends and reads.
    #expect(TransactionFault.all.count + MockTests.cases.count >= 200)
  }

  /// An answer to EndTxn that comes after its timeout: the request was made twice.
  private static func lives(plantedBug: KafkaPlantedBug?) throws -> Int {
    let mock = MockCluster()
    let timeouts = KafkaTimeouts(appendMillis: 20_000, requestMillis: 1000, readMillis: 5000)
    let log = try mock.open(timeouts) { $0.plantedBug = plantedBug }
    defer { log.close() }
    let partition = try log.partition(MockCluster.topic, 0)
    let writer = log.transactions(input: partition, outputs: [try log.partition(MockCluster.topic, 1)])
    defer { writer.close() }
    _ = try writer.open()
    mock.delay(.endTxn, millis: 2500)
    try writer.commitOne()
    #expect(writer.lives == 1)
    // The mock keeps no positions, so that a new life finds another than was committed, and stops.
    try? writer.commitOne()
    return writer.lives
  }

  @Test func aProducerThatMayHaveAskedTwiceIsReplaced() throws { #expect(try Self.lives(plantedBug: nil) == 2) }

  /// Whether a transaction whose records no broker took is called committed.
  private static func isTakenForCommitted(plantedBug: KafkaPlantedBug?) throws -> Bool {
    let mock = MockCluster()
    let log = try mock.open(TransactionFault.timeouts) { $0.plantedBug = plantedBug }
    defer { log.close() }
    let partition = try log.partition(MockCluster.topic, 0)
    let writer = log.transactions(input: partition, outputs: [try log.partition(MockCluster.topic, 1)])
    defer { writer.close() }
    _ = try writer.open()
    mock.fail(.produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, times: 1000)
    do {
      try writer.commitOne()
      return true
    } catch {
      return false
    }
  }

  @Test func whatIsAbortedIsNotTakenForCommitted() throws { #expect(try !Self.isTakenForCommitted(plantedBug: nil)) }

  #if PLANTED_BUGS
    @Test func findsTheReusedProducer() throws { #expect(try Self.lives(plantedBug: .reusedProducer) == 1) }
    @Test func findsTheMissingRewind() throws { #expect(try Self.isTakenForCommitted(plantedBug: .noRewind)) }
  #endif
}
