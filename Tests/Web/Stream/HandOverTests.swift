// Promise of the stream: every event once, in order, from wherever a client begins, while the log grows.
//
// MILLRACE_RUNS sets the number of random runs, MILLRACE_SEED the first seed.

import Core
import Events
import Glibc
import Kit
import Log
import Synchronization
import Testing

@testable import Web

/// What a random client does in a random run.
private struct ClientPlan: Sendable {
  enum Start { case earliest, now, time, position }
  var start: Start
  var keys: [String]?
  var isSlow: Bool
  /// Cut the connection after so many frames and resume with the last token; 0: never.
  var cutsAfter: Int
}

/// What a client received, in order, per partition.
private struct Received: Sendable {
  /// The first offset that was promised, per partition.
  var first: [Int64] = []
  var frames: [[Int64: [UInt8]]] = []
  var failure: String?
  var fellBehind = 0
  var cuts = 0
}

/// One random run: a log with some history, a producer, clients of all kinds.
private final class HandOverRun: Sendable {
  static let firstMillis: Int64 = 1_700_000_000_000

  let seed: UInt64
  let partitions: Int
  let keyCount: Int
  let historyCount: Int
  let liveCount: Int
  let batchMax: Int
  let fixture: StreamFixture
  private let produced: Mutex<[Int]>

  init(seed: UInt64) throws {
    self.seed = seed
    var random = SplitMix(seed: seed)
    partitions = Int.random(in: 1...3, using: &random)
    keyCount = Int.random(in: 1...12, using: &random)
    historyCount = Int.random(in: 0...3_000, using: &random)
    liveCount = 2_500
    batchMax = [1, 10, 100, 700].randomElement(using: &random) ?? 10
    produced = Mutex(Array(repeating: 0, count: partitions))
    var settings = StreamSettings()
    settings.ringBytesMax = [1, 70_000, 300_000, 8 << 20].randomElement(using: &random) ?? 1
    settings.reactors = Int.random(in: 1...2, using: &random)
    settings.flushIntervalNanos = [0, 1_000_000].randomElement(using: &random) ?? 0
    fixture = try StreamFixture(partitions: partitions, settings: settings)
  }

  func key(_ index: Int) -> String? { index % (keyCount + 1) == 0 ? nil : "K\(index % (keyCount + 1))" }

  /// Appends `count` records in batches of random size. Which key a record has is a function of its offset.
  func produce(_ count: Int, paced: Bool, _ random: inout SplitMix) throws {
    var left = count
    while left > 0 {
      let size = min(left, Int.random(in: 1...batchMax, using: &random))
      let partition = Int.random(in: 0..<partitions, using: &random)
      let first = produced.withLock { $0[partition] }
      let keys = (first..<first + size).map { key($0) }
      try fixture.append(keys, partition: partition, firstMillis: Self.firstMillis + Int64(first))
      produced.withLock { $0[partition] += size }
      left -= size
      // 10,000 records a second.
      if paced { usleep(UInt32(size) * 100) }
    }
  }

  var ends: [Int64] { produced.withLock { $0.map(Int64.init) } }

  func plan(_ random: inout SplitMix) -> ClientPlan {
    let starts: [ClientPlan.Start] = [.earliest, .now, .time, .position]
    var keys: [String]?
    if Bool.random(using: &random) {
      keys = (0...keyCount).filter { _ in Int.random(in: 0..<3, using: &random) == 0 }.map { "K\($0 + 1)" } + ["none"]
    }
    return ClientPlan(
      start: starts.randomElement(using: &random) ?? .now, keys: keys,
      isSlow: Int.random(in: 0..<3, using: &random) == 0,
      cutsAfter: Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...900, using: &random) : 0)
  }

  /// Runs one client until it is at `goal`, which is set when the producer is done.
  func receive(_ plan: ClientPlan, seed: UInt64, goal: @Sendable () -> [Int64]?) -> Received {
    var random = SplitMix(seed: seed)
    var received = Received()
    received.frames = Array(repeating: [:], count: partitions)
    var token: String?
    var untilCut = plan.cutsAfter
    while true {
      let client = fixture.connect(socketBytes: plan.isSlow ? 4_096 : nil)
      if plan.isSlow {
        client.readBytes = 3_000
        client.pause = { if Int.random(in: 0..<20, using: &random) == 0 { usleep(20_000) } }
      }
      subscribe(client, plan, token, &random)
      switch follow(client, plan, &received, &token, &untilCut, goal) {
      case .done: return received
      case .cut: received.cuts += 1
      }
    }
  }

  private enum Outcome { case done, cut }

  private func subscribe(_ client: StreamTestClient, _ plan: ClientPlan, _ token: String?, _ random: inout SplitMix) {
    let now = ends
    let from =
      if let token { #"{"token":"\#(token)"}"# } else {
        switch plan.start {
        case .earliest: #""earliest""#
        case .now: #""now""#
        case .time: #"{"time":\#(Self.firstMillis + Int64.random(in: 0...(now.max() ?? 0), using: &random))}"#
        case .position:
          "{\"pos\":\""
            + now.indices.map {
              "\($0):\(Int64.random(in: -1..<max(1, now[$0]), using: &random) - (now[$0] == 0 ? 1 : 0))"
            }
            .map { $0.hasSuffix("-2") ? String($0.dropLast(2)) + "-1" : $0 }.joined(separator: ",") + "\"}"
        }
      }
    let keys = plan.keys.map { "[" + $0.map { "\"\($0)\"" }.joined(separator: ",") + "]" } ?? "\"*\""
    client.send(#"{"type":"subscribe","id":"x","stream":"prices.ticks","keys":\#(keys),"from":\#(from)}"#)
  }

  private func follow(
    _ client: StreamTestClient, _ plan: ClientPlan, _ received: inout Received, _ token: inout String?,
    _ untilCut: inout Int, _ goal: () -> [Int64]?
  ) -> Outcome {
    var last = Array(repeating: Int64(-1), count: partitions)
    while true {
      guard let frame = client.nextText(timeoutMillis: 20_000) else {
        received.failure = "nothing came any more"
        return .done
      }
      switch frame.type {
      case "opened":
        if received.first.isEmpty {
          received.first = frame.offsets.map { $0 + 1 }
        } else {
          // After a cut: what was received since the token comes again, and is to be the same.
          for partition in 0..<partitions {
            for offset in received.frames[partition].keys where offset > frame.offsets[partition] {
              received.frames[partition][offset] = nil
            }
          }
        }
        token = frame.fields["token"]
      case "data":
        let (partition, offset) = frame.position
        if offset <= last[partition] { received.failure = "\(offset) after \(last[partition])" }
        last[partition] = offset
        if received.frames[partition].updateValue(frame.bytes, forKey: offset) != nil {
          received.failure = "\(partition):\(offset) twice"
        }
        if untilCut > 0 {
          untilCut -= 1
          if untilCut == 0 { return .cut }
        }
      case "progress", "caughtUp", "fellBehind":
        token = frame.fields["token"]
        if frame.type == "fellBehind" { received.fellBehind += 1 }
        for partition in 0..<partitions where last[partition] > frame.offsets[partition] {
          received.failure = "\(frame.type) at \(frame.offsets[partition]) after \(last[partition])"
        }
        if let goal = goal(), zip(frame.offsets, goal).allSatisfy({ $0 + 1 >= $1 }) { return .done }
      default: received.failure = frame.text
      }
      if received.failure != nil { return .done }
    }
  }

  /// What is wrong with what a client received, if anything is. `reference` is a replay of all.
  func judge(_ received: Received, _ plan: ClientPlan, _ reference: Received) -> String? {
    if let failure = received.failure { return failure }
    for partition in 0..<partitions {
      for offset in received.first[partition]..<ends[partition] {
        let key = key(Int(offset))
        let isWanted = key.map { plan.keys?.contains($0) ?? true } ?? false
        let frame = received.frames[partition][offset]
        guard isWanted == (frame != nil) else {
          return "\(partition):\(offset) (\(key ?? "clock")) is \(isWanted ? "missing" : "not wanted")"
        }
        if frame != reference.frames[partition][offset], isWanted { return "\(partition):\(offset) has other bytes" }
      }
      let early = received.frames[partition].keys.filter { $0 < received.first[partition] }
      if !early.isEmpty { return "before its start: \(early)" }
    }
    return nil
  }

  /// Whether `prev` of every frame names the record before of its key, from the first on.
  func judgeChain(_ reference: Received) -> String? {
    for partition in 0..<partitions {
      var previous: [String: String] = [:]
      for offset in reference.frames[partition].keys.sorted() {
        let frame = ServerText(reference.frames[partition][offset] ?? [])
        let key = frame.fields["key"] ?? ""
        if frame.fields["prev"] != previous[key] { return "\(frame.text): not after \(previous[key] ?? "none")" }
        previous[key] = frame.fields["pos"]
      }
    }
    return nil
  }
}

@Suite(.serialized) struct HandOverTests {
  static let runs = getenv("MILLRACE_RUNS").flatMap { Int(String(cString: $0)) } ?? 20
  static let firstSeed = getenv("MILLRACE_SEED").flatMap { UInt64(String(cString: $0)) } ?? 1

  @Test(arguments: 0..<runs) func everyEventOnceInOrder(index: Int) throws {
    let seed = Self.firstSeed + UInt64(index)
    var random = SplitMix(seed: seed)
    let run = try HandOverRun(seed: seed)
    try run.produce(run.historyCount, paced: false, &random)
    run.fixture.server.start()
    let isDone = Atomic<Bool>(false)
    let results = Mutex<[(ClientPlan, Received)]>([])
    let threads = (0..<4).map { client in
      let plan = run.plan(&random)
      let clientSeed = random.next()
      return NamedThread("client-\(client)") {
        let received = run.receive(plan, seed: clientSeed) { isDone.load(ordering: .acquiring) ? run.ends : nil }
        results.withLock { $0.append((plan, received)) }
      }
    }
    try run.produce(run.liveCount, paced: true, &random)
    isDone.store(true, ordering: .releasing)
    // Something must still move, or those who are at the end are told nothing any more.
    for partition in 0..<run.partitions { try run.fixture.append([nil], partition: partition) }
    for thread in threads { thread.join() }

    let all = ClientPlan(start: .earliest, keys: nil, isSlow: false, cutsAfter: 0)
    let reference = run.receive(all, seed: seed) { run.ends }
    #expect(run.judge(reference, all, reference) == nil, "seed \(seed), the replay itself")
    #expect(run.judgeChain(reference) == nil, "seed \(seed)")
    for (plan, received) in results.withLock({ $0 }) {
      #expect(run.judge(received, plan, reference) == nil, "seed \(seed), \(plan)")
    }
  }
}
