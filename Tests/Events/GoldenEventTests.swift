// The bytes of every released version stay readable, and those of the current one stay as they are.

import Codecs
import Events
import Foundation
import Kit
import Testing

private let time = Timestamp(nanos: 1_700_000_000_123_456_789)
private let later = Timestamp(nanos: 1_700_000_000_124_000_000)

private func encoded(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
  var output = ByteWriter()
  body(&output)
  return output.copy()
}

/// Every event of Tests/Golden/events.txt, by topic and case: never change one, add others.
private let golden: [(topic: Topic, name: String, key: String, value: [UInt8])] = [
  (
    .ticks, "trade", "BTC/USD",
    encoded {
      Tick(
        kind: .trade, instrument: "BTC/USD", source: "coinbase", price: Price(raw: 65_000_120_000_000_000_000_000),
        volume: Quantity(raw: 1_500_000_000_000_000), side: .sell, sequence: 91_022_111, eventTime: time
      ).encode(appendTime: later, into: &$0)
    }
  ),
  (
    .ticks, "quote", "PEPE/USDT",
    encoded {
      Tick(
        kind: .quote, instrument: "PEPE/USDT", source: "kucoin", price: Price(raw: 912_100_000_000), eventTime: time
      ).encode(appendTime: later, into: &$0)
    }
  ),
  (
    .ticks, "gap", "BTC/USD",
    encoded {
      Tick(kind: .gap, instrument: "BTC/USD", source: "binance", sequence: -7, eventTime: time)
        .encode(appendTime: later, into: &$0)
    }
  ),
  (
    .ticks, "clock", "",
    encoded {
      Tick(kind: .clock, instrument: "", source: "clock", eventTime: time).encode(appendTime: later, into: &$0)
    }
  ),
  (
    .latest, "first", "BTC/USD",
    encoded {
      LatestPrice(
        instrument: "BTC/USD", price: Price(raw: 65_000_120_000_000_000_000_000), previousPrice: nil,
        direction: .unchanged, change24h: .zero, changePercent24h: .zero, volume24h: .zero,
        sources: [
          PriceContribution(
            source: "coinbase", price: Price(raw: 65_000_120_000_000_000_000_000),
            weight: Quantity(raw: 1_000_000_000_000_000_000), eventTime: time)
        ], eventTime: time, appendTime: later
      ).encode(into: &$0)
    }
  ),
  (
    .candles, "final", "ETH/USD",
    encoded {
      Candle(
        instrument: "ETH/USD", interval: .fiveMinutes, start: Timestamp(millis: 1_700_000_100_000),
        open: Price(raw: 1_000_000_000_000_000_000), high: Price(raw: 3_000_000_000_000_000_000),
        low: Price(raw: 500_000_000_000_000_000), close: Price(raw: 2_000_000_000_000_000_000),
        volume: Quantity(raw: 7_000_000_000_000_000_000), vwap: Price(raw: 1_333_333_333_333_333_333), ticks: 12,
        revision: 3, isFinal: true, eventTime: time, appendTime: later
      ).encode(into: &$0)
    }
  ),
  (
    .sourceStatus, "stale", "kraken",
    encoded {
      SourceStatus(
        source: "kraken", health: .stale, since: time, detail: "no tick for 30 s", eventTime: time, appendTime: later
      ).encode(into: &$0)
    }
  ),
  (
    .deadTicks, "late", "BTC/USD",
    encoded {
      DeadLetter(
        topic: "prices.ticks.v1", partition: 2, offset: 1 << 40, reason: .late, detail: "", key: [],
        value: [0, 255, 1],
        eventTime: time, appendTime: later
      ).encode(into: &$0)
    }
  ),
]

@Test func eventsAreTheGoldenBytes() throws {
  let lines = golden.map {
    "\($0.topic.name) \($0.name) \(Hexadecimal.text(Array($0.key.utf8))) \(Hexadecimal.text($0.value))"
  }
  if GoldenFiles.isUpdating { try GoldenFiles.write(lines, to: "events.txt") }
  #expect(GoldenFiles.lines("events.txt") == lines)
}

@Test func schemasAreTheTopics() throws {
  let data = try Data(contentsOf: GoldenFiles.root.appending(path: "schemas/registry.json"))
  let registry = try #require(try JSONSerialization.jsonObject(with: data) as? [String: [String: Any]])
  #expect(registry.count == Topic.all.count)
  for topic in Topic.all {
    let entry = try #require(registry["\(topic.name)-value"])
    #expect(entry["id"] as? Int == Int(topic.schemaID))
    let file = try #require(entry["file"] as? String)
    #expect(file == "\(topic.name).avsc")
    let schema = try Data(contentsOf: GoldenFiles.root.appending(path: "schemas/\(file)"))
    let record = try #require(try JSONSerialization.jsonObject(with: schema) as? [String: Any])
    for field in try #require(record["fields"] as? [[String: Any]]) {
      #expect(field["doc"] is String, "\(file): \(field["name"] ?? "") has no doc")
      // What may be absent is null first, and null where it is.
      guard let union = field["type"] as? [Any] else { continue }
      #expect(union.first as? String == "null" && field["default"] is NSNull, "\(file): \(field["name"] ?? "")")
    }
  }
}
