// A fold on its thread: what it says while something has run out, and that it goes on by itself.

import Codecs
import Core
import Events
import Glibc
import Kit
import Log
import PortKit
import Synchronization
import Testing

@testable import Wiring

@Suite struct TaskRunnerTests {
  private typealias Runner = TaskRunner<SegmentedLog<FaultyFiles>>

  /// What was logged.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    @Sendable func add(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
  }

  /// Ticks of one instrument, a second apart, so that each makes a record.
  private static func append(_ range: Range<Int64>, to partition: SegmentedPartition<FaultyFiles>) throws {
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    for second in range {
      let time = Timestamp(nanos: (1_700_000_000 + second) * 1_000_000_000)
      let price = Price(raw: (100 + Int128(second % 7)) * 1_000_000_000_000_000_000)
      let tick = Tick(kind: .quote, instrument: "BTC/USD", source: "kraken", price: price, eventTime: time)
      writer.append(tick, appendTime: time, scratch: &scratch)
    }
    try partition.appendAndWait(writer.finish())
  }

  /// Looks again and again: the runner tells nobody of what it does.
  private static func wait(_ what: String, until condition: () -> Bool) {
    for _ in 0..<3000 {
      if condition() { return }
      usleep(10_000)
    }
    Issue.record("30 s, and not yet: \(what)")
  }

  /// The prices that come of `count` ticks; the disk is full while those from `fullFrom` on arrive.
  private static func run(_ count: Int64, fullFrom: Int64?, _ lines: Lines) throws -> [StoredRecord] {
    let directory = TemporaryDirectory()
    var topology = Topology()
    topology.log.directory = directory.path
    let isFull = Atomic(false)
    let refusals = Atomic(0)
    let files = FaultyFiles { call in
      guard isFull.load(ordering: .relaxed), call.kind == .write, call.path.contains(Topic.latest.name) else {
        return nil
      }
      refusals.wrappingAdd(1, ordering: .relaxed)
      return .fail(.full())
    }
    let log = try SegmentedLog.open(directory: directory.path, files: files)
    defer { log.close() }
    for topic in Topic.all { try log.createTopic(topology.settings(of: topic)) }
    let input = try log.partition(Topic.ticks.name, 0)
    let logger = Logger(output: lines.add)
    let runner = try Runner(log: log, index: 0, topology: topology, logger: logger)
    let thread = runner.start()
    #expect(runner.waitUntilRecovered() == nil)
    if let fullFrom {
      try append(0..<fullFrom, to: input)
      wait("folded") { runner.lag == 0 }
      isFull.store(true, ordering: .relaxed)
      try append(fullFrom..<count, to: input)
      wait("refused again") { refusals.load(ordering: .relaxed) > 2 }
      wait("waiting") { runner.isWaiting }
      #expect(runner.unreadiness?.contains("diskFull") == true)
      isFull.store(false, ordering: .relaxed)
    } else {
      try append(0..<count, to: input)
    }
    wait("gone on") { runner.lag == 0 && runner.unreadiness == nil }
    #expect(runner.records == count)
    runner.requestStop()
    thread.join()
    #expect(runner.phase == .idle)
    return try readAll(log.partition(Topic.latest.name, 0))
  }

  @Test func waitsForSpaceAndGoesOn() throws {
    let lines = Lines()
    let undisturbed = try Self.run(200, fullFrom: nil, lines)
    #expect(undisturbed.count > 100)
    #expect(lines.all == [])
    #expect(try Self.run(200, fullFrom: 50, lines) == undisturbed)
    let said = lines.all
    #expect(said.count == 2, "once that it waits, once that it goes on: \(said)")
    #expect(said.first?.contains("level=warn msg=\"fold waits\"") == true)
    #expect(said.last?.contains("fold goes on") == true)
  }
}
