// Candles by range, from memory and from the log, which must give the same.

import Codecs
import Events
import Projections
import Testing

@testable import Web

@Suite struct HTTPCandleTests {
  private let base: Int64 = 1_700_000_040_000

  private func starts(_ text: String) -> [Int64] {
    text.split(separator: "\"start\":").dropFirst().compactMap { Int64($0.prefix { $0.isNumber }) }
  }

  private func minutes(_ response: HTTPTestClient.Response) -> [Int64] {
    starts(response.text).map { ($0 - base) / 60_000 }
  }

  @Test func rangesAreHalfOpenAndTheNewestRevisionWins() throws {
    let edge = try EdgeFixture(prepare: { log in
      try EdgeFixture.appendCandles(log, (0..<10).map { candle("BTC/USD", minute: $0) })
      try EdgeFixture.appendCandles(
        log,
        [
          candle("BTC/USD", minute: 3, revision: 2, close: 8), candle("BTC/USD", .fiveMinutes, minute: 0),
          candle("ETH/USD", minute: 4),
        ])
    })
    try edge.settle()
    let client = try edge.client()
    let path = "/v1/candles/BTC-USD?interval=1m"
    let range = try client.get("\(path)&from=\(base + 180_000)&to=\(base + 360_000)")
    #expect(minutes(range) == [3, 4, 5])
    #expect(range.text.contains(#""close":8,"volume":2,"vwap":null,"ticks":3,"revision":2,"isFinal":true"#))
    #expect(range.text.contains(#""pos":"0:10""#))
    #expect(range.header("Millrace-Position") == "0:12")
    #expect(minutes(try client.get("\(path)&limit=2")) == [8, 9])
    let first = try client.get("\(path)&from=\(base)&limit=4")
    #expect(minutes(first) == [0, 1, 2, 3])
    #expect(first.text.contains(#""next":\#(base + 240_000)"#))
    #expect(minutes(try client.get("\(path)&from=2023-11-14T22:14:00Z&to=2023-11-14T22:15:00Z")) == [0])
    #expect(minutes(try client.get("\(path)&from=\(base)&to=\(base)")) == [])
    #expect(minutes(try client.get("/v1/candles/BTC/USD?interval=5m")) == [0])
    #expect(minutes(try client.get("/v1/candles/ETH-USD?interval=1h")) == [])
  }

  @Test func whatMemoryDroppedComesFromTheLog() throws {
    let count = ViewLimits.candlesPerSeriesMax * 3 / 2
    let edge = try EdgeFixture(prepare: { log in
      for start in stride(from: 0, to: count, by: 500) {
        // An early revision of each, then the final one, and another instrument in between.
        try EdgeFixture.appendCandles(
          log,
          (start..<start + 500).flatMap { minute in
            [
              candle("BTC/USD", minute: minute, revision: 1, close: 1, isFinal: false),
              candle("ETH/USD", minute: minute),
              candle("BTC/USD", minute: minute, revision: 2, close: 6),
            ]
          })
      }
    })
    try edge.settle()
    let client = try edge.client()
    let path = "/v1/candles/BTC-USD?interval=1m"
    let old = try client.get("\(path)&from=\(base)&to=\(base + 10 * 60_000)")
    #expect(minutes(old) == Array(0..<10))
    #expect(!old.text.contains(#""close":1,"#))
    let all = try client.get("\(path)&from=\(base)&limit=5000")
    #expect(minutes(all) == Array(0..<Int64(count)))
    #expect(minutes(try client.get("\(path)&limit=\(count - 100)")) == Array(100..<Int64(count)))
    #expect(minutes(try client.get("\(path)&to=\(base + 300 * 60_000)&limit=10")) == Array(290..<300))
    let page = try client.get("\(path)&from=\(base + 60_000)&limit=3")
    #expect(minutes(page) == [1, 2, 3])
    #expect(page.text.contains(#""next":\#(base + 240_000)"#))
  }

  @Test func whatIsTooFarBackIsNamedWhereTheNewestAreWanted() throws {
    let count = ViewLimits.candlesPerSeriesMax * 3 / 2
    let edge = try EdgeFixture(
      prepare: { log in
        for start in stride(from: 0, to: count, by: 500) {
          try EdgeFixture.appendCandles(log, (start..<start + 500).map { candle("BTC/USD", minute: $0) })
        }
      }, configure: { $0.newestCandleScanBytesMax = -1 })
    try edge.settle()
    let client = try edge.client()
    let newest = try client.get("/v1/candles/BTC-USD?interval=1m&limit=5000")
    #expect(newest.status == 200)
    let shown = minutes(newest)
    #expect(shown.count >= ViewLimits.candlesPerSeriesMax)
    #expect(shown.last == Int64(count - 1))
    let oldest = base + (shown.first ?? 0) * 60_000
    #expect(newest.text.contains(#""olderBefore":\#(oldest)"#))
    #expect(!(try client.get("/v1/candles/BTC-USD?interval=1m&limit=10")).text.contains("olderBefore"))
    // A range is another matter.
    #expect(minutes(try client.get("/v1/candles/BTC-USD?interval=1m&from=\(base)&limit=3")) == [0, 1, 2])
  }
}
