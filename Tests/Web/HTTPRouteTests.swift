// Every route, with good questions and bad ones, through a socket.

import Codecs
import Core
import Events
import Log
import Synchronization
import Testing

@testable import Web

@Suite struct HTTPRouteTests {
  private func priced() throws -> EdgeFixture {
    try EdgeFixture(prepare: { log in
      try EdgeFixture.appendPrices(log, [price("ETH/USD", 2000), price("BTC/USD", 60_000), price("BTC/USD-220527", 1)])
      try EdgeFixture.appendPrices(log, [price("BTC/USD", 60_001)])
      try EdgeFixture.append(
        log, .sourceStatus,
        [
          (
            "kraken", Timestamp(millis: 5),
            { output in
              SourceStatus(
                source: "kraken", health: .stale, since: Timestamp(millis: 1), detail: "silent",
                eventTime: Timestamp(millis: 5), appendTime: Timestamp(millis: 6)
              ).encode(into: &output)
            }
          )
        ])
    })
  }

  @Test func aPriceHasItsPositionHoweverTheInstrumentIsSpelled() throws {
    let edge = try priced()
    try edge.settle()
    let client = try edge.client()
    for path in ["BTC/USD", "BTC-USD", "BTC%2FUSD"] {
      let response = try client.get("/v1/prices/\(path)")
      #expect(response.status == 200)
      #expect(response.text.contains(#""instrument":"BTC/USD","price":60001,"#))
      #expect(response.text.hasSuffix(#","pos":"0:3","epoch":"\#(try epoch(edge, .latest))"}"# + "\n"))
      #expect(response.header("Millrace-Position") == "0:3")
      #expect(response.header("X-Content-Type-Options") == "nosniff")
      #expect(response.header("Cache-Control") == "no-store")
    }
    for path in ["BTC/USD-220527", "BTC-USD-220527"] {
      #expect(try client.get("/v1/prices/\(path)").text.contains(#""price":1,"#))
    }
  }

  private func epoch(_ edge: EdgeFixture, _ topic: Topic) throws -> UInt32 {
    try edge.log.partition(topic.name, 0).epoch
  }

  @Test func pricesAreListedInOrderAndFiltered() throws {
    let edge = try priced()
    try edge.settle()
    let client = try edge.client()
    let all = try client.get("/v1/prices")
    #expect(
      all.text.hasPrefix(#"{"pos":"0:3","epoch":"\#(try epoch(edge, .latest))","prices":[{"instrument":"BTC/USD","#))
    #expect(all.text.split(separator: "\"instrument\"").count == 4)
    let one = try client.get("/v1/prices?instruments=ETH-USD")
    #expect(one.text.split(separator: "\"instrument\"").count == 2)
    #expect(one.text.contains("ETH/USD"))
    #expect(try client.get("/v1/sources").text.contains(#""source":"kraken","health":"stale""#))
  }

  @Test func unknownThingsAreProblemsThatHelp() throws {
    let edge = try priced()
    try edge.settle()
    let client = try edge.client()
    for (path, status, hint) in [
      ("/v1/prices/DOGE/USD", 404, "/v1/prices"), ("/v1/prices/btc-usd", 404, "did you mean BTC/USD?"),
      ("/v1/prices?instruments=BTC-USD,NO-NO", 404, "NO/NO"), ("/v1/prices?instruments=", 400, "instruments"),
      ("/v1/prices?instrument=BTC-USD", 400, "Known are: instruments"),
      ("/v1/candles/BTC-USD?interval=2m", 400, "1m, 5m, 15m, 1h, 4h, 1d"),
      ("/v1/candles/BTC-USD?from=yesterday", 400, "2026-11-21T"), ("/v1/candles/BTC-USD?limit=0", 400, "limit"),
      ("/v1/candles/BTC-USD?from=2&to=1", 400, "'to'"), ("/v1/candles/NO-NO", 404, "NO/NO"),
      ("/v1/nothing", 404, "/openapi.json"), ("/v1/prices/", 200, ""), ("/healthz?x=1", 400, "no parameters"),
      ("/schemas/ids/99", 404, "40403"), ("/schemas/ids/99/versions", 404, "40403"),
      ("/subjects?limit=x", 400, "limit"), ("/subjects/x/versions", 404, "40401"),
      ("/subjects/prices.ticks.v1-value/versions/2", 404, "40402"),
    ] {
      let response = try client.get(path)
      #expect(response.status == status, "\(path): \(response.text)")
      #expect(response.text.contains(hint), "\(path): \(response.text)")
      if status >= 400 { #expect(response.header("Content-Type") == "application/problem+json", "\(path)") }
    }
  }

  @Test func methodsAreNamedWhereTheyAreWrong() throws {
    let edge = try EdgeFixture()
    let refused = try edge.client().post("/v1/prices", "{}")
    #expect(refused.status == 405)
    #expect(refused.header("Allow") == "GET, HEAD, OPTIONS")
    let get = try edge.client().get("/v1/ingest/prices.ticks")
    #expect(get.status == 405)
    #expect(get.header("Allow") == "POST, OPTIONS")
    let options = try edge.client().request("OPTIONS", "/v1/prices")
    #expect(options.status == 204)
    #expect(options.header("Allow") == "GET, HEAD, OPTIONS")
    #expect(options.header("Access-Control-Allow-Origin") == nil)
    let client = try edge.client()
    let head = try client.request("HEAD", "/version")
    #expect(head.status == 200)
    #expect(head.body.isEmpty)
    #expect(head.header("Content-Length") == "38")
    #expect(try client.get("/version").text == #"{"name":"millrace","version":"1.2.3"}"# + "\n")
  }

  @Test func filesHaveTagsAndPolicies() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    for path in ["/", "/app.js", "/style.css", "/favicon.svg"] {
      let first = try client.get(path)
      #expect(first.status == 200)
      #expect(first.header("Content-Security-Policy")?.hasPrefix("default-src 'self';") == true)
      let tag = try #require(first.header("ETag"))
      for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
        let again = try client.get(path, headers: ["If-None-Match: \(known)"])
        #expect(again.status == 304, "\(known)")
        #expect(again.header("ETag") == tag)
      }
      #expect(try client.get(path, headers: ["If-None-Match: \"other\""]).status == 200)
    }
    #expect(try client.get("/").header("Content-Type") == "text/html; charset=utf-8")
    #expect(try client.get("/../etc/passwd").status == 404)
    #expect(try client.get("/%2e%2e/%2e%2e/etc/passwd").status == 404)
  }

  @Test func readinessNamesWhatIsMissing() throws {
    let shared = Shared(reason: "replaying")
    let edge = try EdgeFixture(configure: { configuration in
      configuration.readinessChecks = [("recovery", { shared.reason.withLock { $0 } })]
    })
    try edge.settle()
    let client = try edge.client()
    let before = try client.get("/readyz")
    #expect(before.status == 503)
    #expect(before.text.contains(#""recovery":"replaying""#))
    #expect(before.header("Retry-After") != nil)
    #expect(try client.get("/healthz").status == 200)
    shared.reason.withLock { $0 = nil }
    while edge.server.views.tail.unreadyReason != nil {}
    let after = try client.get("/readyz")
    #expect(after.status == 200)
    #expect(after.text == #"{"checks":{"views":"ok","recovery":"ok"},"ready":true}"# + "\n")
  }

  private final class Shared: Sendable {
    let reason: Mutex<String?>
    init(reason: String?) { self.reason = Mutex(reason) }
  }

  @Test func metricsCountRequestsByRouteAndNeverByWhatClientsWrite() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    for _ in 0..<3 { _ = try client.get("/v1/prices/SECRET-NAME") }
    let text = try client.get("/metrics").text
    #expect(
      text.contains(#"millrace_http_requests_total{route="/v1/prices/{instrument}",method="GET",status="4xx"} 3"#))
    #expect(text.contains("# TYPE millrace_http_request_seconds histogram"))
    #expect(!text.contains("SECRET"))
  }

  @Test func theRegistryIsReadable() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    let subjects = try client.get("/subjects")
    #expect(subjects.header("Content-Type") == "application/vnd.schemaregistry.v1+json")
    #expect(subjects.text.hasPrefix(#"["prices.ticks.v1-value","prices.latest.v1-value","#))
    for topic in Topic.all {
      let subject = "\(topic.name)-value"
      #expect(try client.get("/subjects/\(subject)/versions").text == "[1]\n")
      let latest = try client.get("/subjects/\(subject)/versions/latest").text
      #expect(latest.hasPrefix(#"{"subject":"\#(subject)","version":1,"id":\#(topic.schemaID),"schema":"{"#))
      #expect(try client.get("/subjects/\(subject)/versions/1").text == latest)
      let byID = try client.get("/schemas/ids/\(topic.schemaID)").text
      #expect(byID.hasPrefix(#"{"schema":"{"#) && latest.hasSuffix(byID.dropFirst()))
    }
  }

  /// What clients of registries ask beside the plain question.
  @Test(arguments: [
    ("/subjects?deleted=false&deleted_only=false&offset=1&limit=1", #"["prices.latest.v1-value"]"#),
    ("/subjects?subjectPrefix=prices.ticks&limit=-1", #"["prices.ticks.v1-value","prices.ticks.dead.v1-value"]"#),
    ("/subjects?deletedOnly=true", "[]"), ("/subjects?offset=9", "[]"),
    ("/subjects/prices.ticks.v1-value/versions?offset=0&limit=-1", "[1]"),
    ("/subjects/prices.ticks.v1-value/versions?deleted_only=true", "[]"),
    ("/schemas/ids/3/subjects", #"["prices.candles.v1-value"]"#), ("/schemas/ids/3/subjects?subject=x", "[]"),
    ("/schemas/ids/3/versions", #"[{"subject":"prices.candles.v1-value","version":1}]"#),
  ])
  func theRegistryListsAsClientsAsk(path: String, answer: String) throws {
    let edge = try EdgeFixture()
    #expect(try edge.client().get(path).text == answer + "\n")
  }

  /// However the schema is written, and with no key: nothing is changed.
  @Test func theRegistryLooksSchemasUp() throws {
    let edge = try EdgeFixture(configure: {
      $0.ingestKeys = ["key"]
      $0.schemaIDs = [.ticks: 70, .latest: 71]
    })
    let client = try edge.client()
    let path = "/subjects/prices.ticks.v1-value"
    let registered = try client.get("\(path)/versions/1").text
    let text = String(
      decoding: try HTTPSpecification.read("\(HTTPSpecification.root)/schemas/prices.ticks.v1.avsc"), as: UTF8.self)
    let short = text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: " ")
    // Another order of the first two members.
    let turned = short.replacing(#""type": "record", "name": "Tick","#, with: #""name":"Tick","type":"record","#)
    #expect(turned != short)
    func body(_ schema: String) -> String {
      #"{"schemaType":"AVRO","schema":"\#(schema.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))"}"#
    }
    for schema in [short, turned] {
      #expect(try client.post(path, body(schema)).text == registered)
      #expect(try client.post("\(path)/versions?normalize=false", body(schema)).text == "{\"id\":70}\n")
    }
    for (target, schema, status, code) in [
      (path, #"{"type":"string"}"#, 404, 40403), ("/subjects/prices.candles.v1-value", short, 404, 40401),
      (path, "{", 422, 42201), ("\(path)/versions", #""string""#, 422, 42205),
      ("/subjects/mine-value/versions", short, 422, 42205), ("\(path)/versions", "", 422, 42201),
    ] {
      let answer = try client.post(target, body(schema))
      #expect(answer.status == status && answer.text.contains("\"error_code\":\(code)"), "\(target) \(answer.text)")
    }
    #expect(try client.post("/v1/ingest/prices.ticks", "{}").status == 401)
  }

  @Test func streamsAreListedWithTheirRange() throws {
    let edge = try priced()
    let text = try edge.client().get("/v1/streams").text
    #expect(text.contains(#""stream":"prices.latest","topic":"prices.latest.v1","isDerived":true,"#))
    #expect(text.contains(#""from":"0:0","to":"0:4""#))
  }

  @Test func otherOriginsGetCORSOnlyWhenListed() throws {
    let edge = try EdgeFixture(configure: { $0.allowedOrigins = ["https://Prices.example"] })
    let client = try edge.client()
    let listed = try client.get("/healthz", headers: ["Origin: https://prices.example"])
    #expect(listed.header("Access-Control-Allow-Origin") == "https://prices.example")
    #expect(listed.header("Vary") == "Origin")
    for origin in ["https://evil-prices.example", "http://prices.example", "https://prices.example:8443", "null"] {
      let response = try client.get("/healthz", headers: ["Origin: \(origin)"])
      #expect(response.header("Access-Control-Allow-Origin") == nil, "\(origin)")
    }
    let preflight = try client.request(
      "OPTIONS", "/v1/ingest/prices.ticks",
      headers: ["Origin: https://prices.example", "Access-Control-Request-Method: POST"])
    #expect(preflight.header("Access-Control-Allow-Methods") == "POST, OPTIONS")
  }
}
