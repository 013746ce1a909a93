// Clients that break rules, stall, or come at the wrong moment.

import Core
import Events
import Glibc
import Log
import Testing

@testable import Web

@Suite(.serialized) struct StreamLimitTests {
  private func ending(of client: StreamTestClient) -> String {
    while true {
      switch client.next() {
      case .close(let code, let reason): return "\(code) \(reason)"
      case .end: return "end"
      case .silence: return "silence"
      default: continue
      }
    }
  }

  @Test func closesForViolationsByTheirCode() throws {
    let fixture = try StreamFixture()
    fixture.server.start()
    func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
      StreamTestClient.frame(opcode: opcode, payload, isFinal: isFinal)
    }
    let cases: [([UInt8], UInt16)] = [
      ([0x81, 0x02, 0x7b, 0x7d], 1002), (frame(0x41, []), 1002), (frame(3, []), 1002), (frame(0, [1]), 1002),
      (frame(9, Array(repeating: 1, count: 126)), 1002), (frame(9, [], isFinal: false), 1002),
      (frame(1, [0xff]), 1007), (frame(1, [0xc3], isFinal: false) + frame(0, [0x28]), 1007), (frame(2, [1]), 1003),
      (frame(1, Array(repeating: 0x20, count: 65_537)), 1009),
      ([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 1009), (frame(8, []), 1000),
      (frame(8, [0x03, 0xe9]), 1001), (frame(8, [0x03]), 1002), (frame(8, [0x03, 0xed]), 1002),
    ]
    for (bytes, code) in cases {
      let client = fixture.connect()
      client.send(frame: bytes)
      #expect(ending(of: client).split(separator: " ").first == "\(code)", "\(bytes.prefix(20))")
    }
    let client = fixture.connect()
    client.send(frame: frame(9, [1, 2, 3]))
    guard case .pong(let payload) = client.next() else { throw LogError.closed }
    #expect(payload == [1, 2, 3])
    // An error in a message keeps the socket.
    client.send("{}")
    #expect(client.nextText()?.fields["code"] == "missing_field")
    client.send(#"{"type":"ping","id":"p"}"#)
    #expect(client.nextText()?.fields["id"] == "p")
  }

  @Test func readsWhatCameWithTheUpgrade() throws {
    let fixture = try StreamFixture()
    fixture.server.start()
    let early = StreamTestClient.frame(opcode: 1, Array(#"{"type":"ping","id":"early"}"#.utf8))
    let client = StreamTestClient(initialBytes: early) { fixture.server.adopt(descriptor: $0, initialBytes: $1) }
    #expect(client.nextText()?.fields["id"] == "early")
  }

  @Test func refusesTokensAndPositionsThatDoNotHold() throws {
    let fixture = try StreamFixture(partitions: 2)
    try fixture.append(["A", "B"])
    fixture.server.start()
    let epochs = try (0..<2).map { try fixture.log.partition(Topic.ticks.name, $0).epoch }
    func code(_ from: String) -> String? {
      let client = fixture.connect()
      client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":\#(from)}"#)
      return client.nextText().map { $0.fields["code"] ?? $0.type }
    }
    func token(_ stream: String, _ epochs: [UInt32], _ next: [Int64]) -> String {
      #"{"token":"\#(PositionToken(stream: stream, epochs: epochs, next: next).text)"}"#
    }
    #expect(code(#"{"token":"AAAA"}"#) == "token_malformed")
    #expect(code(token("prices.latest", epochs, [0, 0])) == "token_stream")
    #expect(code(token("prices.ticks", epochs.map { $0 + 1 }, [0, 0])) == "token_epoch")
    #expect(code(token("prices.ticks", epochs, [3, 0])) == "position_after_end")
    #expect(code(token("prices.ticks", epochs, [2, 0])) == "opened")
    #expect(code(#"{"pos":"0:1"}"#) == "position_incomplete")
    #expect(code(#"{"pos":"0:1,2:0"}"#) == "position_incomplete")
    #expect(code(#"{"pos":"0:5,1:-1"}"#) == "position_after_end")
    #expect(code(#"{"pos":"0:0,1:-1"}"#) == "opened")
  }

  @Test func aTokenOutlivesTheServer() throws {
    let fixture = try StreamFixture()
    try fixture.append(["A", "B", "A"])
    fixture.server.start()
    let first = fixture.connect()
    first.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"earliest"}"#)
    let token = try #require(first.next("caughtUp")?.fields["token"])
    try fixture.append(["B", "A"], firstMillis: 1_700_000_005_000)
    let live = (0..<2).compactMap { _ in first.next("data")?.bytes }
    try fixture.restart()
    #expect(ending(of: first) == "1001 the server stops")
    let second = fixture.connect()
    second.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"token":"\#(token)"}}"#)
    let replayed = (0..<2).compactMap { _ in second.next("data")?.bytes }
    #expect(live == replayed)
    #expect(live.count == 2)
  }

  @Test func aFilterThatMatchesNothingMakesProgress() throws {
    let fixture = try StreamFixture()
    try fixture.append(["A"])
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":["Z"],"from":"now"}"#)
    _ = client.next("caughtUp")
    try fixture.append(["A", "A", nil], firstMillis: 1_700_000_007_000)
    var progress: ServerText?
    repeat { progress = client.nextText() } while progress != nil && progress?.fields["pos"] != "0:3"
    #expect(progress?.type == "progress")
    #expect(progress?.fields["watermark"] == "1700000007002")
    #expect(progress?.fields["id"] == "a")
    // A key that did not exist when it was asked for is found when it comes.
    try fixture.append(["A", "Z"])
    #expect(client.next("data")?.fields["pos"] == "0:5")
  }

  @Test func aSnapshotIsTheStateAndThenTheChanges() throws {
    let fixture = try StreamFixture()
    try fixture.append(["A", "B", "A", nil, "B", "C"])
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":["A","B"],"from":"snapshot"}"#)
    #expect(client.nextText()?.fields["pos"] == "0:5")
    let state = (0..<2).compactMap { _ in client.nextText() }
    #expect(state.map(\.type) == ["snapshot", "snapshot"])
    #expect(state.map { $0.fields["pos"] } == ["0:2", "0:4"])
    #expect(client.nextText()?.type == "caughtUp")
    try fixture.append(["C", "A"])
    let change = client.next("data")
    #expect(change?.fields["pos"] == "0:7")
    #expect(change?.fields["prev"] == "0:2")
  }

  @Test func pausedItSendsNothingAndSeeksAnywhere() throws {
    let fixture = try StreamFixture()
    try fixture.append(["A", "A", "A"])
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"now"}"#)
    _ = client.next("caughtUp")
    client.send(#"{"type":"pause","id":"a"}"#)
    client.send(#"{"type":"ping","id":"paused"}"#)
    _ = client.next("pong")
    try fixture.append(["A"])
    client.send(#"{"type":"resume","id":"a"}"#)
    // It is told that it has caught up once, before or after the record, as the publisher is slower or faster.
    var resumed: [ServerText] = []
    while Set(resumed.map(\.type)).isSuperset(of: ["caughtUp", "data"]) == false, let frame = client.nextText() {
      resumed.append(frame)
    }
    #expect(resumed.filter { $0.type != "progress" }.count == 2)
    #expect(resumed.first { $0.type == "data" }?.fields["pos"] == "0:3")
    client.send(#"{"type":"seek","id":"a","from":{"pos":"0:0"}}"#)
    #expect(client.next("opened")?.fields["pos"] == "0:0")
    #expect(client.next("data")?.fields["pos"] == "0:1")
    client.send(#"{"type":"unsubscribe","id":"a"}"#)
    #expect(client.next("closed")?.fields["token"] != nil)
  }

  @Test func aPacedReplayKeepsTheDistanceOfEvents() throws {
    let fixture = try StreamFixture()
    for index in 0..<5 { try fixture.append(["A"], firstMillis: 1_700_000_000_000 + Int64(index) * 500) }
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"earliest","speed":10}"#)
    let clock = SystemClock()
    var arrivals: [Int64] = []
    for _ in 0..<5 {
      _ = client.next("data")
      arrivals.append(clock.monotonicNanos() / 1_000_000)
    }
    // 500 ms of event time at ten times the speed. Never early; how late depends on the machine.
    for index in 1..<5 { #expect(arrivals[index] - arrivals[0] >= Int64(index) * 50 - 2) }
    #expect(arrivals[4] - arrivals[0] < 400)
    #expect(client.next("caughtUp") != nil)
  }
}
