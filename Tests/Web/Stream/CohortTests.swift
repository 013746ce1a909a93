// Clients that are served together: each of them must get what it would get alone, and be able to leave at any time.

import Core
import Events
import Kit
import Testing

@testable import Web

@Suite(.serialized) struct CohortTests {
  private func fixture(ringBytes: Int = Limits.Stream.ringBytesMax) throws -> StreamFixture {
    var settings = StreamSettings()
    settings.reactors = 1
    settings.ringBytesMax = ringBytes
    let fixture = try StreamFixture(settings: settings)
    fixture.server.start()
    return fixture
  }

  private func subscribe(_ client: StreamTestClient, keys: String = #""*""#, from: String = #""earliest""#) {
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":\#(keys),"from":\#(from)}"#)
    _ = client.next("caughtUp")
  }

  /// One that speaks, comes back, is closed or resumes elsewhere knows exactly what it was sent with the others.
  @Test func whoLeavesIsWhereTheOthersAre() throws {
    let fixture = try fixture()
    let clients = (0..<5).map { _ in fixture.connect() }
    for client in clients { subscribe(client) }
    var sent: Int64 = 0
    for round in 0..<20 {
      try fixture.append((0..<3).map { "K\($0)" }, firstMillis: 1_700_000_000_000 + sent)
      for client in clients {
        for offset in sent..<sent + 3 { #expect(client.next("data")?.position.offset == offset) }
      }
      sent += 3
      // The first one always stays; each of the others now does something of its own.
      clients[1].send(#"{"type":"ping","id":"p"}"#)
      #expect(clients[1].next("pong") != nil)
      clients[2].send(#"{"type":"unsubscribe","id":"a"}"#)
      let closed = clients[2].next("closed")
      subscribe(clients[2], from: #"{"token":"\#(closed?.fields["token"] ?? "")"}"#)
      clients[3].send(#"{"type":"pause","id":"a"}"#)
      clients[3].send(#"{"type":"resume","id":"a"}"#)
      #expect(clients[3].next("caughtUp")?.offsets == [sent - 1], "round \(round)")
      clients[4].send(#"{"type":"seek","id":"a","from":{"pos":"0:\#(sent - 1)"}}"#)
      #expect(clients[4].next("caughtUp")?.offsets == [sent - 1], "round \(round)")
    }
    #expect(fixture.count("encoded_total") == Int(sent))
  }

  /// Among many that read, some do not, and some go away: nobody misses a frame or gets one twice.
  @Test func whoFallsShortLosesNothing() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(seed: seed)
    let fixture = try fixture(ringBytes: 200_000)
    var gone: [StreamTestClient]? = (0..<3).map { _ in fixture.connect() }
    let stalled = (0..<8).map { _ in fixture.connect(socketBytes: 4_096) }
    let healthy = fixture.connect()
    for client in (gone ?? []) + stalled + [healthy] { subscribe(client) }
    var sent: Int64 = 0
    for batch in 0..<40 {
      if batch == 10 { gone = nil }
      let count = Int.random(in: 1...60, using: &random)
      try fixture.append((0..<count).map { "K\($0 % 7)" }, firstMillis: 1_700_000_000_000 + sent)
      for offset in sent..<sent + Int64(count) {
        #expect(healthy.next("data")?.position.offset == offset, "seed \(seed)")
      }
      sent += Int64(count)
    }
    for client in stalled {
      for offset in 0..<sent {
        guard client.next("data")?.position.offset == offset else {
          Issue.record("\(offset) is missing, seed \(seed)")
          break
        }
      }
    }
    #expect(fixture.count("clients") == 9)
  }

  /// Progress is told to all at once: the newest place, each of the sockets its own copy, also where nothing is wanted.
  @Test func progressReachesAllAndResumesExactly() throws {
    let fixture = try fixture()
    let wanting = (0..<3).map { _ in fixture.connect() }
    let waiting = (0..<3).map { _ in fixture.connect() }
    for client in wanting { subscribe(client) }
    for client in waiting { subscribe(client, keys: #"["NONE"]"#) }
    try fixture.append(["A", "B"])
    var tokens: [String] = []
    for client in wanting + waiting {
      let progress = client.next("progress")
      #expect(progress?.offsets == [1])
      tokens.append(progress?.fields["token"] ?? "")
    }
    try fixture.append(["C"])
    for token in tokens {
      let again = fixture.connect()
      again.send(
        #"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"token":"\#(token)"}}"#)
      #expect(again.next("data")?.position.offset == 2)
    }
  }
}
