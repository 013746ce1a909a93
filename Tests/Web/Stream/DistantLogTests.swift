// An edge among several: what others heard of first, and a log that is out of reach for a while.

import Core
import Events
import Log
import Projections
import Synchronization
import Testing

@testable import Web

@Suite(.serialized) struct DistantLogTests {
  /// A server that has gone through ten ticks.
  private struct Edge {
    let fixture: StreamFixture
    let log: DistantLog
    let ticks: DistantPartition
    let server: StreamServer<DistantLog>

    init() throws {
      fixture = try StreamFixture()
      try fixture.append(Array(repeating: "A", count: 10))
      log = try DistantLog(fixture.log)
      ticks = try log.partition(Topic.ticks.name, 0)
      server = try StreamServer(log: log)
      server.start()
      while !server.isReady { NamedThread.sleep(nanos: 1_000_000) }
    }

    func subscribe(from: String) -> StreamTestClient {
      let client = StreamTestClient { server.adopt(descriptor: $0, initialBytes: $1) }
      client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":\#(from)}"#)
      return client
    }

    /// Blocks until the log was asked in vain, `count` times more.
    func waitForRefusals(_ count: Int = 1) {
      let end = ticks.refusals.load(ordering: .acquiring) + count
      while ticks.refusals.load(ordering: .acquiring) < end { NamedThread.sleep(nanos: 1_000_000) }
    }
  }

  /// A token of another edge may be ahead of what this one has heard.
  @Test func aPositionThatOthersHeardOfFirst() throws {
    let edge = try Edge()
    defer { edge.server.stop() }
    try edge.fixture.append(Array(repeating: "A", count: 5))
    let token = PositionToken(stream: "prices.ticks", epochs: [edge.ticks.epoch], next: [13]).text
    let client = edge.subscribe(from: #"{"token":"\#(token)"}"#)
    #expect(client.nextText()?.type == "opened")
    #expect(client.next("data")?.fields["pos"] == "0:13")
    #expect(client.next("data")?.fields["pos"] == "0:14")
    let lost = edge.subscribe(from: #"{"pos":"0:99"}"#)
    #expect(lost.next("error")?.fields["code"] == "position_after_end")
    try edge.fixture.append(["A"])
    var range = StreamRange(stream: "prices.ticks")
    range.to = .position(StreamPosition(partition: 0, offset: 16))
    range.from = .position(StreamPosition(partition: 0, offset: 15))
    #expect(try edge.server.export(range).bounds.map(\.end) == [16])
  }

  @Test func liveClientsOutlastAnOutage() throws {
    let edge = try Edge()
    defer { edge.server.stop() }
    let client = edge.subscribe(from: #""now""#)
    #expect(client.next("caughtUp") != nil)
    edge.ticks.isAway.store(true, ordering: .releasing)
    try edge.fixture.append(["A"])
    edge.ticks.hear()
    edge.waitForRefusals(2)
    edge.ticks.isAway.store(false, ordering: .releasing)
    #expect(client.nextText()?.fields["pos"] == "0:10")
  }

  @Test func replaysOutlastAnOutage() throws {
    let edge = try Edge()
    defer { edge.server.stop() }
    edge.ticks.isAway.store(true, ordering: .releasing)
    let client = edge.subscribe(from: #""earliest""#)
    edge.waitForRefusals(2)
    edge.ticks.isAway.store(false, ordering: .releasing)
    #expect(client.nextText()?.type == "opened")
    for offset in 0..<10 { #expect(client.nextText()?.fields["pos"] == "0:\(offset)") }
    // A start that cannot be looked up is said: whoever asks chooses whether to wait.
    edge.ticks.isAway.store(true, ordering: .releasing)
    let refused = edge.subscribe(from: #"{"time":1700000000000}"#)
    #expect(refused.next("error")?.fields["code"] == "log_unavailable")
    edge.ticks.isAway.store(false, ordering: .releasing)
  }

  @Test func viewsOutlastAnOutage() throws {
    let edge = try Edge()
    defer { edge.server.stop() }
    edge.ticks.isAway.store(true, ordering: .releasing)
    let view = NewestView<LatestPrice>(partitionCount: 1)
    let tail = ViewTail(log: edge.log, feeds: [.init(Topic.ticks.name, view)], logger: .silent)
    try tail.start()
    defer { tail.stop() }
    edge.waitForRefusals(2)
    edge.ticks.isAway.store(false, ordering: .releasing)
    while view.position.text != "0:9" { NamedThread.sleep(nanos: 1_000_000) }
    #expect(tail.unreadyReason == nil)
  }
}
