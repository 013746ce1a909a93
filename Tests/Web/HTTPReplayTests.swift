// Replays over HTTP: whole, exact at both ends, the same bytes as the WebSocket's frames.

import Codecs
import Core
import Events
import Glibc
import Log
import Testing

@testable import Web

@Suite struct HTTPReplayTests {
  private static let base: Int64 = 1_700_000_000_000

  /// `count` ticks, one a millisecond, of three instruments in turn, with a clock after every hundred.
  private func edge(_ count: Int) throws -> EdgeFixture {
    try EdgeFixture(prepare: { log in
      var index = 0
      while index < count {
        var writer = RecordBatchWriter()
        var value = ByteWriter()
        for _ in 0..<min(2000, count - index) {
          let time = Timestamp(millis: Self.base + Int64(index))
          let isClock = index % 100 == 99
          let tick = Tick(
            kind: isClock ? .clock : .trade, instrument: isClock ? "" : ["BTC/USD", "ETH/USD", "SOL/USD"][index % 3],
            source: isClock ? "clock" : "test", price: isClock ? .zero : Price(raw: units(index + 1)),
            volume: isClock ? .zero : Quantity(raw: units(1)), eventTime: time)
          value.removeAll()
          tick.encode(appendTime: time, into: &value)
          let key = Array(tick.instrument.utf8)
          writer.append(timestampMillis: time.millis, key: isClock ? nil : key.span.bytes, value: value.bytes)
          index += 1
        }
        try log.partition(Topic.ticks.name, 0).append(writer.finish(), completion: nil)
      }
      try log.partition(Topic.ticks.name, 0).sync()
      while try log.partition(Topic.ticks.name, 0).highWatermark < count { usleep(1000) }
    })
  }

  private func offsets(_ text: String) -> [Int] {
    text.split(separator: "\n").compactMap { line in
      line.firstRange(of: "\"pos\":\"0:").flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
    }
  }

  private func wanted(_ range: Range<Int>) -> [Int] { range.filter { $0 % 100 != 99 } }

  @Test func aHundredThousandRecordsArriveWholeAndInOrder() throws {
    let edge = try edge(100_000)
    let client = try edge.client()
    let response = try client.get("/v1/streams/prices.ticks")
    #expect(response.isComplete)
    #expect(response.header("Content-Type") == "application/x-ndjson")
    #expect(response.header("Millrace-From") == "0:0")
    #expect(response.header("Millrace-Position") == "0:99999")
    #expect(offsets(response.text) == wanted(0..<100_000))
    let lines = response.text.split(separator: "\n")
    #expect(
      lines[3].hasPrefix(
        #"{"type":"data","stream":"prices.ticks","key":"BTC/USD","pos":"0:3","prev":"0:0","eventTime":1700000000003,"#))
    let csv = try client.get("/v1/streams/prices.ticks?format=csv")
    #expect(csv.header("Content-Type") == "text/csv; charset=utf-8")
    let rows = csv.text.split(separator: "\r\n")
    #expect(rows.count == 99_001)
    #expect(rows[0] == "key,pos,prev,eventTime,appendTime,kind,source,price,volume,side,sequence")
    #expect(rows[4] == "BTC/USD,0:3,0:0,1700000000003,1700000000003,trade,test,4,1,unknown,")
  }

  @Test func rangesAreHalfOpenHoweverTheyAreNamed() throws {
    let edge = try edge(1000)
    let client = try edge.client()
    let path = "/v1/streams/prices.ticks"
    for (query, range) in [
      ("from=0:10&to=0:20", 10..<20), ("from=0:990", 990..<1000), ("to=0:5", 0..<5), ("from=now", 0..<0),
      ("from=\(Self.base + 10)&to=\(Self.base + 20)", 10..<20), ("from=0:20&to=0:20", 0..<0),
      ("from=2023-11-14T22:13:20.998Z", 998..<1000), ("from=earliest&to=0:3", 0..<3),
      ("from=0:10&limit=5", 10..<15), ("from=0:95&to=0:105", 95..<105), ("from=\(Self.base + 5000)", 0..<0),
      ("from=0:20&to=0:10", 0..<0),
    ] {
      let response = try client.get("\(path)?\(query)")
      #expect(response.status == 200, "\(query): \(response.text)")
      #expect(offsets(response.text) == wanted(range), "\(query)")
    }
    let one = try client.get("\(path)?keys=ETH/USD&from=0:100&to=0:130")
    #expect(offsets(one.text) == wanted(100..<130).filter { $0 % 3 == 1 })
    // The chain of a key goes on from before the range.
    #expect(one.text.hasPrefix(#"{"type":"data","stream":"prices.ticks","key":"ETH/USD","pos":"0:100","prev":"0:97","#))
    #expect(offsets(try client.get("\(path)?keys=NO/NO").text) == [])
  }

  @Test func badRangesAreProblems() throws {
    let edge = try edge(10)
    let client = try edge.client()
    for (target, status) in [
      ("prices.nothing", 404), ("prices.ticks?from=yesterday", 400), ("prices.ticks?to=0", 200),
      ("prices.ticks?format=xml", 400), ("prices.ticks?speed=0", 400), ("prices.ticks?speed=nan", 400),
      ("prices.ticks?speed=-1", 400), ("prices.ticks?limit=0", 400), ("prices.ticks?form=csv", 400),
      ("prices.ticks?keys=", 400), ("prices.ticks?speed=1000000", 200), ("prices.ticks?from=7:1", 200),
    ] {
      let response = try client.get("/v1/streams/\(target)")
      #expect(response.status == status, "\(target): \(response.text)")
    }
  }

  @Test func aPacedReplayTakesItsTimeAndLosesNothing() throws {
    let edge = try edge(300)
    let start = SystemClock().monotonicNanos()
    let response = try edge.client().get("/v1/streams/prices.ticks?speed=2")
    let elapsed = SystemClock().monotonicNanos() - start
    #expect(offsets(response.text) == wanted(0..<300))
    // 298 ms of event time between the first and the last tick, at twice the pace.
    #expect(elapsed >= 149_000_000, "\(elapsed)")
  }

  @Test func slowAndVanishingClientsDoNoHarm() throws {
    let edge = try edge(50_000)
    for _ in 0..<20 {
      let vanishing = try edge.client()
      try vanishing.send("GET /v1/streams/prices.ticks HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try vanishing.receiveRaw(1000)
    }
    #expect(offsets(try edge.client().get("/v1/streams/prices.ticks?from=0:49000").text) == wanted(49_000..<50_000))
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    while edge.server.replays.current > 0, SystemClock().monotonicNanos() < deadline { usleep(1000) }
    #expect(edge.server.replays.current == 0)
  }

  @Test func aFilterThatMatchesLittleFindsAllOfIt() throws {
    let edge = try edge(450_000)
    let response = try edge.client().get("/v1/streams/prices.ticks?keys=NO/NO,BTC/USD&from=0:449990")
    #expect(offsets(response.text) == wanted(449_990..<450_000).filter { $0 % 3 == 0 })
    let none = try edge.client().get("/v1/streams/prices.ticks?keys=NO/NO")
    #expect(none.isComplete && none.body.isEmpty)
    // Stopping does not wait for a scan of everything.
    let client = try edge.client()
    try client.send("GET /v1/streams/prices.ticks?keys=NO/NO HTTP/1.1\r\nHost: x\r\n\r\n")
    let start = SystemClock().monotonicNanos()
    edge.server.stop(deadlineNanos: 100_000_000)
    #expect(SystemClock().monotonicNanos() - start < 2_000_000_000)
  }

  @Test func tooManyReplaysAreToldToWait() throws {
    let edge = try edge(50_000)
    // Each stops reading at once, so none of them ends.
    let stalled = try (0..<Limits.httpReplaysMax).map { _ in try edge.client() }
    for client in stalled { try client.send("GET /v1/streams/prices.ticks HTTP/1.1\r\nHost: x\r\n\r\n") }
    while edge.server.replays.current < Limits.httpReplaysMax { usleep(1000) }
    let refused = try edge.client().get("/v1/streams/prices.ticks")
    #expect(refused.status == 429)
    #expect(refused.header("Retry-After") == "5")
    #expect(refused.header("RateLimit-Policy") == #""replays";q=\#(Limits.httpReplaysMax);qu="concurrent-requests""#)
    #expect(refused.header("RateLimit") == #""replays";r=0;t=5"#)
    #expect(refused.header("X-RateLimit-Remaining") == "0")
    #expect(try edge.client().get("/healthz").status == 200)
    withExtendedLifetime(stalled) {}
  }
}
