// The log against brokers that fail: every operation ends within its bound, in the right class.

import CKafka
import Codecs
import Core
import Log
import LogKafka
import PortKit
import Synchronization
import Testing

/// One row of the matrix: what goes wrong while an operation runs, and how that must end.
struct FaultCase: Sendable, CustomStringConvertible {
  enum Operation: String, Sendable { case append, read, lookUp, open }

  enum Fault: Sendable {
    /// The next answers of this kind are this error; more than can be retried when `always`.
    case answers(MockCluster.Request, rd_kafka_resp_err_t, always: Bool)
    /// The leader is down, and comes back after the operation has begun, or never.
    case leaderDown(comesBack: Bool)
    /// All brokers answer only after this time.
    case slow(millis: Int32)
    /// The leader is another broker from now on, which the clients must find out.
    case leaderMoved
  }

  enum End: String, Sendable { case success, unavailable, refused, failed }

  let operation: Operation
  let fault: Fault
  let end: End

  var description: String {
    switch fault {
    case .answers(let request, let code, let always):
      let name = rd_kafka_err2name(code).map { String(cString: $0) } ?? "\(code.rawValue)"
      return "\(operation): \(request) \(name) \(always ? "always" : "once"): \(end)"
    default: return "\(operation): \(fault): \(end)"
    }
  }
}

@Suite struct MockTests {
  private static let transient = [
    RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
  ]

  static let cases: [FaultCase] = {
    var cases: [FaultCase] = []
    func add(_ operation: FaultCase.Operation, _ fault: FaultCase.Fault, _ end: FaultCase.End) {
      cases.append(FaultCase(operation: operation, fault: fault, end: end))
    }
    for code in transient {
      for (operation, request) in [
        (.append, .produce), (.read, .fetch), (.lookUp, .listOffsets), (.open, .listOffsets),
      ] as [(FaultCase.Operation, MockCluster.Request)] {
        // librdkafka takes this one, which brokers send for other requests, as the end of a record.
        let isFinal = operation == .append && code == RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED
        add(operation, .answers(request, code, always: false), isFinal ? .unavailable : .success)
        add(operation, .answers(request, code, always: true), .unavailable)
      }
    }
    for operation in [.append, .read, .lookUp] as [FaultCase.Operation] {
      add(operation, .leaderDown(comesBack: true), .success)
      add(operation, .leaderDown(comesBack: false), .unavailable)
      add(operation, .slow(millis: 300), .success)
      add(operation, .slow(millis: 20_000), .unavailable)
      add(operation, .leaderMoved, .success)
    }
    for code in [RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_RECORD] {
      add(.append, .answers(.produce, code, always: true), .refused)
    }
    add(.lookUp, .answers(.listOffsets, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, always: true), .refused)
    return cases
  }()

  /// Rows mostly wait, each on brokers of its own: so many run at once.
  private static let rowsAtOnce = 16
  /// On a busy machine the cluster may not be up within timeouts that are short for what is to be tested.
  private static let attempts = 5

  @Test func everyFaultEndsInTimeAndInItsClass() {
    let rows = Mutex(Self.cases)
    let problems = Mutex<[String]>([])
    let threads = (0..<Self.rowsAtOnce).map { _ in
      NamedThread("fault") {
        while let row = rows.withLock({ $0.popLast() }) {
          for attempt in 1...Self.attempts {
            do {
              let found = try row.run()
              problems.withLock { $0 += found }
              break
            } catch {
              guard attempt == Self.attempts else { continue }
              problems.withLock { $0.append("\(row): before the fault: \(error)") }
            }
          }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(problems.withLock { $0 } == [])
    #expect(Self.cases.count >= 60)
  }
}

extension FaultCase {
  /// What goes wrong for good is not waited for as long as what gets well again.
  private var timeouts: KafkaTimeouts {
    end == .success
      ? KafkaTimeouts(appendMillis: 20_000, requestMillis: 20_000, readMillis: 20_000)
      : KafkaTimeouts(appendMillis: 1500, requestMillis: 1000, readMillis: 1000)
  }

  /// Runs the row on a cluster of its own. Returns what was not as it should be.
  fileprivate func run() throws -> [String] {
    let mock = MockCluster()
    let clock = SystemClock()
    let log = try mock.open(timeouts)
    defer { log.close() }
    if operation == .open {
      apply(to: mock)
      return check(clock.monotonicNanos()) { _ = try log.partition(MockCluster.topic, 0) }
    }
    let partition = try log.partition(MockCluster.topic, 0)
    try partition.appendAndWait(makeBatch(["a", "b", "c"]))
    apply(to: mock)
    var problems = check(clock.monotonicNanos()) { try perform(partition, mock) }
    let closing = clock.monotonicNanos()
    log.close()
    let closed = (clock.monotonicNanos() - closing) / 1_000_000
    // The append timeout, a second for what is thrown away, and librdkafka's own end for each handle.
    if closed > Int64(timeouts.appendMillis) + 15_000 { problems.append("\(self): closing took \(closed) ms") }
    return problems
  }

  private func apply(to mock: MockCluster) {
    switch fault {
    case .answers(let request, let code, let always): mock.fail(request, code, times: always ? 2000 : 1)
    case .leaderDown: mock.setDown(1)
    case .slow(let millis): for broker in 1...3 as ClosedRange<Int32> { mock.setDelay(broker, millis: millis) }
    case .leaderMoved: mock.setLeader(2)
    }
  }

  private func perform(_ partition: KafkaPartition, _ mock: MockCluster) throws {
    let answer = Monitor<Result<Int64, LogError>?>(nil)
    if operation == .append {
      try partition.append(makeBatch(["d"])) { result in
        answer.withLock { $0 = result }
        answer.broadcast()
      }
    }
    if case .leaderDown(comesBack: true) = fault { mock.setUp(1) }
    switch operation {
    case .append: try expect(try answer.wait { $0 }.get() == 3)
    case .read: try expect(try readAll(partition).map(\.value) == ["a", "b", "c"])
    case .lookUp, .open: try expect(try partition.offset(atOrAfter: .max) == 3)
    }
  }

  private struct WrongResult: Error {}

  private func expect(_ isRight: Bool) throws { if !isRight { throw WrongResult() } }

  private func check(_ start: Int64, _ body: () throws -> Void) -> [String] {
    var problems: [String] = []
    var found = End.success
    do { try body() } catch {
      switch error as? LogError {
      case .unavailable: found = .unavailable
      case .refused: found = .refused
      case .failed: found = .failed
      default: problems.append("\(self): \(error)")
      }
      if found != end { problems.append("\(self): ended as \(found): \(error)") }
    }
    if found != end, problems.isEmpty { problems.append("\(self): ended as \(found)") }
    let millis = (SystemClock().monotonicNanos() - start) / 1_000_000
    // Twice the largest of the timeouts, and room for a busy machine.
    if millis > Int64(timeouts.appendMillis) * 2 + 10_000 { problems.append("\(self): took \(millis) ms") }
    return problems
  }
}
