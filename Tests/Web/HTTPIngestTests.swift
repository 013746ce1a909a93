// Ingest: what is accepted is durable before it is acknowledged, what is not is named.

import Core
import Events
import Glibc
import Log
import Synchronization
import Testing

@testable import Web

@Suite struct HTTPIngestTests {
  private let path = "/v1/ingest/prices.ticks"

  private func tick(_ price: String = "1.5", extra: String = "") -> String {
    #"{"instrument":"BTC/USD","source":"test","price":\#(price),"volume":2,"eventTime":1700000000000\#(extra)}"#
  }

  @Test func theFormsOfABodyAreAccepted() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    let one = try client.post(path, tick(), headers: ["Content-Type: application/json"])
    #expect(one.status == 200)
    #expect(one.text == #"{"accepted":1,"rejected":0,"errors":[]}"# + "\n")
    let array = try client.post(path, "[\(tick()),\(tick())]", headers: ["Content-Type: application/json"])
    #expect(array.text.hasPrefix(#"{"accepted":2,"rejected":0"#))
    let lines = try client.post(
      path, "\(tick())\n\n\(tick())\r\n\(tick())", headers: ["Content-Type: application/x-ndjson"])
    #expect(lines.text.hasPrefix(#"{"accepted":3,"rejected":0"#))
    #expect(try edge.log.partition(Topic.ticks.name, 0).highWatermark == 6)
  }

  @Test func goodRecordsPassAndBadOnesAreNamed() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    let body = [
      tick(), tick("-1"), "{broken", tick(extra: #","colour":"red""#), tick("\"x\""), tick("1e30"), tick(),
    ].joined(separator: "\n")
    let response = try client.post(path, body, headers: ["Content-Type: application/x-ndjson"])
    #expect(response.status == 200)
    #expect(response.text.hasPrefix(#"{"accepted":2,"rejected":5,"errors":["#))
    for (index, field) in [(1, "\"price\""), (2, "null"), (3, "\"colour\""), (4, "\"price\""), (5, "\"price\"")] {
      #expect(response.text.contains(#""index":\#(index),"line":\#(index + 1),"field":\#(field),"message":""#))
    }
    #expect(try edge.log.partition(Topic.ticks.name, 0).highWatermark == 2)
  }

  @Test(arguments: [
    "", "   ", "{", "[", "[1,2]", "null", "not json", #"{"instrument":"BTC/USD"}"#, #"{"instrument":"\#u{fffd}"}"#,
    #"[{"instrument":"btc","source":"a","price":1}]"#,
  ])
  func nothingGoodIsAProblem(body: String) throws {
    let edge = try EdgeFixture()
    let response = try edge.client().post(path, body, headers: ["Content-Type: application/json"])
    #expect(response.status == 400, "\(response.text)")
    #expect(response.header("Content-Type") == "application/problem+json")
    #expect(response.text.contains(#""accepted":0,"rejected":"#))
    #expect(response.text.contains(#""errors":[{"index":0"#))
  }

  @Test func bytesThatAreNoUTF8AreRefused() throws {
    let edge = try EdgeFixture()
    var body = Array(tick().utf8)
    body[16] = 0xff
    #expect(try edge.client().request("POST", path, body: body).status == 400)
    #expect(try edge.log.partition(Topic.ticks.name, 0).highWatermark == 0)
  }

  @Test func anOversizedBodyIsRefusedBeforeItIsSent() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    try client.send(
      "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(Limits.httpBodyBytesMax + 1)\r\n\r\n")
    let response = try client.receive()
    #expect(response.status == 413)
    #expect(response.text.contains(#""limitBytes":1048576"#))
  }

  @Test func theAnswerWaitsForTheDisk() throws {
    let edge = try EdgeFixture()
    edge.sink.isHolding.store(true, ordering: .releasing)
    let client = try edge.client()
    let body = tick()
    try client.send("POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    while edge.sink.held.withLock({ $0.isEmpty }) { usleep(100) }
    // The ticks are on their way and nothing may be said yet; other requests are served meanwhile.
    #expect(try edge.client().get("/healthz").status == 200)
    #expect(client.isSilent(millis: 50))
    for finish in edge.sink.held.withLock({ $0 }) { finish() }
    #expect(try client.receive().status == 200)
  }

  @Test func aLogThatFailsIsNoAcknowledgement() throws {
    let edge = try EdgeFixture()
    edge.sink.failure.withLock { $0 = "disk full" }
    let response = try edge.client().post(path, tick())
    #expect(response.status == 503)
    #expect(response.text.contains("disk full"))
    #expect(response.header("Retry-After") != nil)
  }

  @Test func aKeyIsNeededWhereOneIsConfigured() throws {
    let edge = try EdgeFixture(configure: { $0.ingestKeys = ["s3cret-key"] })
    for headers in [
      [], ["X-API-Key: wrong"], ["X-API-Key: s3cret-ke"], ["Authorization: Basic s3cret-key"], ["X-API-Key:"],
    ] {
      let response = try edge.client().post(path, tick(), headers: headers)
      #expect(response.status == 401, "\(headers)")
      #expect(response.header("WWW-Authenticate") != nil)
      #expect(!response.text.contains("s3cret"))
    }
    #expect(try edge.client().post("\(path)?key=s3cret-key", tick()).status == 400)
    for header in ["X-API-Key: s3cret-key", "Authorization: Bearer s3cret-key"] {
      #expect(try edge.client().post(path, tick(), headers: [header]).status == 200, "\(header)")
    }
  }

  @Test func pagesOfOtherSitesCannotWriteThroughAnOpenLoopback() throws {
    let edge = try EdgeFixture()
    let refused = try edge.client().post(path, tick(), headers: ["Origin: https://evil.example"])
    #expect(refused.status == 403)
    #expect(try edge.client().post(path, tick(), headers: ["Origin: http://127.0.0.1"]).status == 200)
  }

  /// A page whose name was made to lead to 127.0.0.1 is of one origin with the server, as far as the browser knows.
  @Test func pagesThatTookOverAnAddressCannotWriteEither() throws {
    let edge = try EdgeFixture()
    func status(host: String, headers: String = "") throws -> Int {
      let client = try edge.client()
      let body = tick()
      try client.send(
        "POST \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let response = try client.receive()
      if response.status == 403 { #expect(response.header("Content-Type") == "application/problem+json") }
      return response.status
    }
    for host in [
      "evil.example", "evil.example:\(edge.port)", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "*",
    ] {
      #expect(try status(host: host) == 403, "\(host)")
    }
    #expect(try status(host: "evil.example", headers: "Origin: http://evil.example\r\n") == 403)
    for host in ["localhost", "LOCALHOST:\(edge.port)", "127.0.0.1:\(edge.port)", "127.9.9.9", "[::1]:80"] {
      #expect(try status(host: host) == 200, "\(host)")
    }
    // With a key the name does not matter: a page does not know it.
    let keyed = try EdgeFixture(configure: { $0.ingestKeys = ["s3cret-key"] })
    let client = try keyed.client()
    try client.send(
      "POST \(path) HTTP/1.1\r\nHost: prices.example\r\nX-API-Key: s3cret-key\r\n"
        + "Content-Length: \(tick().utf8.count)\r\n\r\n\(tick())")
    #expect(try client.receive().status == 200)
  }

  @Test func onlyConfiguredInstrumentsAreTaken() throws {
    let edge = try EdgeFixture(configure: { $0.ingestInstruments = ["ETH/USD"] })
    let response = try edge.client().post(path, tick())
    #expect(response.status == 400)
    #expect(response.text.contains("BTC/USD is not configured here"))
  }
}
