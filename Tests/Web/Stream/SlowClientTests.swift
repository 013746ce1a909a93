// Clients that do not read: the others do not notice, memory stays bounded, and each gets the policy it chose.

import Core
import Events
import Testing

@testable import Web

@Suite(.serialized) struct SlowClientTests {
  private func settings(ringBytes: Int) -> StreamSettings {
    var settings = StreamSettings()
    settings.ringBytesMax = ringBytes
    settings.reactors = 1
    return settings
  }

  /// Appends so much that no socket's buffer and no ring of the test takes it.
  private func flood(_ fixture: StreamFixture, batches: Int = 12) throws {
    for batch in 0..<batches {
      try fixture.append((0..<500).map { "K\($0 % 10)" }, firstMillis: 1_700_000_000_000 + Int64(batch) * 500)
    }
  }

  private func subscribe(_ client: StreamTestClient, slow: String) {
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"now","slow":"\#(slow)"}"#)
    _ = client.next("caughtUp")
  }

  @Test func catchesUpWithoutLosingAnything() throws {
    let fixture = try StreamFixture(settings: settings(ringBytes: 100_000))
    fixture.server.start()
    let client = fixture.connect(socketBytes: 4_096)
    subscribe(client, slow: "catchup")
    try flood(fixture)
    var next: Int64 = 0
    var hasFallenBehind = false
    while next < 6_000, let frame = client.nextText() {
      if frame.type == "fellBehind" { hasFallenBehind = true }
      guard frame.type == "data" else { continue }
      #expect(frame.position.offset == next)
      next += 1
    }
    #expect(next == 6_000)
    #expect(hasFallenBehind)
    #expect(client.next("caughtUp") != nil)
  }

  @Test func conflatesToTheNewestValues() throws {
    let fixture = try StreamFixture(settings: settings(ringBytes: 100_000))
    fixture.server.start()
    let client = fixture.connect(socketBytes: 4_096)
    subscribe(client, slow: "conflate")
    try flood(fixture)
    var last: [String: Int64] = [:]
    var conflated = 0
    var count = 0
    while last.count < 10 || last.values.min() ?? 0 < 5_990, let frame = client.nextText() {
      guard frame.type == "data", let key = frame.fields["key"] else { continue }
      #expect(frame.position.offset > last[key] ?? -1)
      last[key] = frame.position.offset
      if frame.fields["conflated"] == "true" { conflated += 1 }
      count += 1
    }
    #expect(last.values.min() ?? 0 >= 5_990)
    #expect(conflated >= 10)
    #expect(count < 6_000)
    // What comes after continues the chain of the conflated frame.
    try fixture.append(["K3"])
    let frame = client.next("data")
    #expect(frame?.fields["prev"] == "0:5993")
  }

  @Test func disconnectsWithATokenThatResumes() throws {
    let fixture = try StreamFixture(settings: settings(ringBytes: 100_000))
    fixture.server.start()
    let client = fixture.connect(socketBytes: 4_096)
    subscribe(client, slow: "disconnect")
    try flood(fixture)
    var received: Int64 = 0
    var token: String?
    var ending = ""
    reading: while true {
      switch client.next() {
      case .text(let frame):
        if frame.type == "data" { received = frame.position.offset + 1 }
        if frame.type == "error" {
          #expect(frame.fields["code"] == "slow_consumer")
          token = frame.fields["token"]
        }
      case .close(let code, let reason):
        ending = "\(code) \(reason)"
        break reading
      case .end, .silence: break reading
      default: continue
      }
    }
    #expect(ending == "1013 slow_consumer")
    let again = fixture.connect()
    again.send(
      #"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"token":"\#(token ?? "")"}}"#)
    #expect(again.next("data")?.position.offset == received)
  }

  @Test func stalledClientsDoNotSlowTheOthersAndCostLittle() throws {
    let fixture = try StreamFixture(settings: settings(ringBytes: 200_000))
    fixture.server.start()
    let stalled = (0..<50).map { _ in fixture.connect(socketBytes: 4_096) }
    for client in stalled { subscribe(client, slow: "catchup") }
    let healthy = fixture.connect()
    subscribe(healthy, slow: "catchup")
    try flood(fixture)
    for next in 0..<Int64(6_000) {
      guard let frame = healthy.next("data"), frame.position.offset == next else {
        Issue.record("\(next) is missing")
        break
      }
    }
    // A rest of one frame and a few control frames each.
    #expect(fixture.count("queued_bytes") < 50 * 2_000)
    #expect(fixture.count("encoded_total") == 6_000)
    #expect(fixture.count("clients") == 51)
  }
}
