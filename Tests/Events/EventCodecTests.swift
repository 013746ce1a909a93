// The other events through bytes and back, and as JSON.

import Codecs
import Events
import Kit
import Testing

private let latest = LatestPrice(
  instrument: "BTC/USD", price: Price(raw: 65_000_120_000_000_000_000_000), previousPrice: nil, direction: .up,
  change24h: Price(raw: -1), changePercent24h: Quantity(raw: 500_000_000_000_000_000),
  volume24h: Quantity(raw: 0),
  sources: [
    PriceContribution(
      source: "coinbase", price: Price(raw: 912_100_000_000), weight: Quantity(raw: 1_000_000_000_000_000_000),
      eventTime: Timestamp(millis: 1_700_000_000_123))
  ], eventTime: Timestamp(nanos: 1_700_000_000_123_456_789), appendTime: Timestamp(nanos: 1_700_000_000_124_000_000))

private let candle = Candle(
  instrument: "ETH/USD", interval: .fiveMinutes, start: Timestamp(millis: 1_700_000_100_000),
  open: Price(raw: 1_000_000_000_000_000_000), high: Price(raw: 3_000_000_000_000_000_000),
  low: Price(raw: 500_000_000_000_000_000), close: Price(raw: 2_000_000_000_000_000_000),
  volume: Quantity(raw: 7_000_000_000_000_000_000), vwap: Price(raw: 1_333_333_333_333_333_333), ticks: 12, revision: 3,
  isFinal: true, eventTime: Timestamp(millis: -1), appendTime: Timestamp(millis: 5))

private let status = SourceStatus(
  source: "kraken", health: .stale, since: Timestamp(millis: 10), detail: "no tick for 30 s",
  eventTime: Timestamp(millis: 11),
  appendTime: Timestamp(millis: 12))

private let dead = DeadLetter(
  topic: "prices.ticks.v1", partition: 2, offset: 1 << 40, reason: .late, detail: "", key: [0x61, 0xff],
  value: [0, 255, 1],
  eventTime: Timestamp(millis: 1), appendTime: Timestamp(millis: 2))

private func roundTrip<Event: Equatable>(
  _ event: Event, key: [UInt8], _ encode: (inout ByteWriter) -> Void,
  _ decode: (RecordView) throws(CodecError) -> Event
) throws {
  var writer = ByteWriter()
  encode(&writer)
  let value = writer.copy()
  #expect(try decode(RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: value.span.bytes)) == event)
  // Every shorter or longer value is refused, and no damage traps.
  for count in 0..<value.count {
    let short = Array(value[..<count])
    #expect(throws: CodecError.self, "\(count) bytes") {
      try decode(RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: short.span.bytes))
    }
  }
  let long = value + [0]
  #expect(throws: CodecError.self) {
    try decode(RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: long.span.bytes))
  }
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  for _ in 0..<5_000 {
    var damaged = value
    damaged[Int(random.next() % UInt64(value.count))] = UInt8(truncatingIfNeeded: random.next())
    damaged[Int(random.next() % UInt64(value.count))] = UInt8(truncatingIfNeeded: random.next())
    _ = try? decode(RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: damaged.span.bytes))
  }
}

@Test func eventsRoundTrip() throws {
  try roundTrip(latest, key: Array(latest.instrument.utf8), latest.encode, LatestPrice.init(decoding:))
  try roundTrip(candle, key: Array(candle.instrument.utf8), candle.encode, Candle.init(decoding:))
  try roundTrip(status, key: Array(status.source.utf8), status.encode, SourceStatus.init(decoding:))
  try roundTrip(dead, key: dead.key, dead.encode, DeadLetter.init(decoding:))
  var plain = latest
  plain.sources = []
  plain.previousPrice = Price(raw: -5)
  try roundTrip(plain, key: Array(plain.instrument.utf8), plain.encode, LatestPrice.init(decoding:))
}

private func json(_ body: (inout ByteWriter) -> Void) -> String {
  var writer = ByteWriter()
  body(&writer)
  return String(utf8: writer.bytes)
}

@Test func eventsAsJSONKeepEveryDigit() {
  #expect(
    json(latest.appendJSON) == #"{"instrument":"BTC/USD","price":65000.12,"previousPrice":null,"direction":"up","#
      + #""change24h":-0.000000000000000001,"changePercent24h":0.5,"volume24h":0,"sources":[{"source":"coinbase","#
      + #""price":0.0000009121,"weight":1,"eventTime":1700000000123}],"eventTime":1700000000123,"#
      + #""appendTime":1700000000124}"#
  )
  #expect(
    json(candle.appendJSON)
      == #"{"instrument":"ETH/USD","interval":"5m","start":1700000100000,"open":1,"high":3,"low":0.5,"#
      + #""close":2,"volume":7,"vwap":1.333333333333333333,"ticks":12,"revision":3,"isFinal":true,"#
      + #""eventTime":-1,"appendTime":5}"#
  )
  #expect(
    json(status.appendJSON)
      == #"{"source":"kraken","health":"stale","since":10,"detail":"no tick for 30 s","eventTime":11,"appendTime":12}"#)
  #expect(
    json(dead.appendJSON)
      == #"{"topic":"prices.ticks.v1","partition":2,"offset":1099511627776,"reason":"late","detail":"","#
      + "\"key\":\"a\u{fffd}\",\"value\":\"AP8B\",\"eventTime\":1,\"appendTime\":2}")
  let tick = Tick(
    kind: .trade, instrument: "BTC/USD", source: "coinbase", price: Price(raw: 15 * 100_000_000_000_000_000),
    side: .sell,
    sequence: 9, eventTime: Timestamp(millis: 3))
  #expect(
    json { tick.appendJSON(appendTime: Timestamp(millis: 4), to: &$0) }
      == #"{"kind":"trade","instrument":"BTC/USD","source":"coinbase","price":1.5,"volume":0,"side":"sell","#
      + #""sequence":9,"eventTime":3,"appendTime":4}"#
  )
}
