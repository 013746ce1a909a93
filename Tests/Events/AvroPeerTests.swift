// Our codec against fastavro, both ways, over thousands of records with extremes among them.

import Codecs
import Events
import Kit
import Testing

/// An event as `avro_peer.py` writes it: topic, value in hexadecimal, then the fields as text.
private func line(_ topic: Topic, _ value: [UInt8], _ fields: [String]) -> String {
  ([topic.name, Hexadecimal.text(value)] + fields).joined(separator: "\t")
}

private func text(_ value: Int128?) -> String { value.map { String($0) } ?? "~" }
private func text(_ text: String) -> String { Hexadecimal.text(Array(text.utf8)) }
private func optional(_ text: String) -> String { text.isEmpty ? "~" : Hexadecimal.text(Array(text.utf8)) }
private func text(_ time: Timestamp) -> String { String(time.nanos) }

/// Decodes a value of `topic` and gives its fields as text and the bytes that we encode them to.
private func reread(_ topic: Topic, _ record: RecordView) throws -> (fields: [String], bytes: [UInt8]) {
  var output = ByteWriter()
  let fields: [String]
  switch topic {
  case .ticks:
    let (tick, appendTime) = try Tick.decode(record)
    tick.encode(appendTime: appendTime, into: &output)
    fields = [
      tick.kind.name, tick.side.name, text(tick.eventTime), text(appendTime), text(tick.source), text(tick.price.raw),
      text(tick.volume.raw), tick.sequence.map { String($0) } ?? "~",
    ]
  case .latest:
    let event = try LatestPrice(decoding: record)
    event.encode(into: &output)
    let sources = event.sources.map {
      [text($0.source), text($0.price.raw), text($0.weight.raw), text($0.eventTime)].joined(separator: ",")
    }
    fields = [
      text(event.price.raw), text(event.previousPrice?.raw), event.direction.name, text(event.change24h.raw),
      text(event.changePercent24h.raw), text(event.volume24h.raw), "[" + sources.joined(separator: ";") + "]",
      text(event.eventTime), text(event.appendTime),
    ]
  case .candles:
    let event = try Candle(decoding: record)
    event.encode(into: &output)
    fields = [
      String(event.interval.rawValue), text(event.start), text(event.open.raw), text(event.high.raw),
      text(event.low.raw), text(event.close.raw), text(event.volume.raw), text(event.vwap?.raw), String(event.ticks),
      String(event.revision), String(event.isFinal), text(event.eventTime), text(event.appendTime),
    ]
  case .sourceStatus:
    let event = try SourceStatus(decoding: record)
    event.encode(into: &output)
    fields = [
      event.health.name, text(event.since), optional(event.detail), text(event.eventTime), text(event.appendTime),
    ]
  default:
    let event = try DeadLetter(decoding: record)
    event.encode(into: &output)
    fields = [
      text(event.topic), String(event.partition), String(event.offset), event.reason.name, optional(event.detail),
      Hexadecimal.text(event.value), text(event.eventTime), text(event.appendTime),
    ]
  }
  return (fields, output.copy())
}

private let hasPeer: ConditionTrait = .enabled(
  if: PythonPeer.withAvro != nil, "SKIPPED: no python with fastavro; `make deps` installs one")

@Test(hasPeer) func whatFastavroWritesWeReadAndWriteAlike() throws {
  let seed = Int.random(in: 0..<1 << 30)
  let lines = try #require(PythonPeer.withAvro).lines("avro_peer.py", ["encode", String(seed), "1500"])
  #expect(lines.count == 1500 * Topic.all.count)
  let key = Array("K".utf8)
  var same = 0
  for line in lines {
    let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    let topic = try #require(Topic.all.first { $0.name == parts[0] })
    let value = Hexadecimal.bytes(parts[1])
    let record = RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: value.span.bytes)
    let (fields, bytes) = try reread(topic, record)
    #expect(fields == Array(parts[2...]), "seed \(seed)")
    if bytes == value { same += 1 } else { #expect(bytes.count < value.count, "seed \(seed): \(line)") }
  }
  // fastavro takes a byte too many for -2^(8n-1), such as -128, which is legal; all else is the same to the byte.
  #expect(same * 10 > lines.count * 8, "seed \(seed): \(same) of \(lines.count) alike")
}

@Test(hasPeer) func whatWeWriteFastavroReads() throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  let key = Array("K".utf8)
  var lines: [String] = []
  for topic in Topic.all {
    for _ in 0..<1500 {
      let value = randomValue(topic, &random)
      let record = RecordView(offset: 0, timestampMillis: 0, key: key.span.bytes, value: value.span.bytes)
      lines.append(line(topic, value, try reread(topic, record).fields))
    }
  }
  let answer = try #require(PythonPeer.withAvro).lines("avro_peer.py", ["decode"], input: lines)
  #expect(answer == ["read \(lines.count)"], "seed \(seed)")
}

private func randomValue(_ topic: Topic, _ random: inout SplitMix) -> [UInt8] {
  let bound: Int128 = 99_999_999_999_999_999_999_999_999_999_999_999_999
  func raw() -> Int128 {
    switch random.next() % 8 {
    case 0: return [0, 1, -1, bound, -bound, 127, 128, -128, -129][Int(random.next() % 9)]
    default:
      let wide = Int128(truncatingIfNeeded: UInt128(random.next()) << 64 | UInt128(random.next()))
      return (wide >> Int128(random.next() % 128)) % (bound + 1)
    }
  }
  func long() -> Int64 {
    random.next() % 8 == 0
      ? [0, -1, .max, .min][Int(random.next() % 4)] : Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
  }
  func time() -> Timestamp { Timestamp(nanos: long()) }
  func name() -> String { ["", "coinbase", "ünïcode 😀", "a\u{0}b"][Int(random.next() % 4)] }
  func pick<Value: CaseIterable>(_ type: Value.Type) -> Value where Value.AllCases == [Value] {
    Value.allCases[Int(random.next() % UInt64(Value.allCases.count))]
  }
  var output = ByteWriter()
  switch topic {
  case .ticks:
    let tick = Tick(
      kind: pick(TickKind.self), instrument: "K", source: name(), price: Price(raw: raw()),
      volume: Quantity(raw: raw()),
      side: pick(TickSide.self), sequence: random.next() & 1 == 0 ? nil : long(), eventTime: time())
    tick.encode(appendTime: time(), into: &output)
  case .latest:
    let sources = (0..<random.next() % 6).map { _ in
      PriceContribution(source: name(), price: Price(raw: raw()), weight: Quantity(raw: raw()), eventTime: time())
    }
    LatestPrice(
      instrument: "K", price: Price(raw: raw()), previousPrice: random.next() & 1 == 0 ? nil : Price(raw: raw()),
      direction: pick(PriceDirection.self), change24h: Price(raw: raw()), changePercent24h: Quantity(raw: raw()),
      volume24h: Quantity(raw: raw()), sources: sources, eventTime: time(), appendTime: time()
    ).encode(into: &output)
  case .candles:
    Candle(
      instrument: "K", interval: pick(CandleInterval.self), start: time(), open: Price(raw: raw()),
      high: Price(raw: raw()), low: Price(raw: raw()), close: Price(raw: raw()), volume: Quantity(raw: raw()),
      vwap: random.next() & 1 == 0 ? nil : Price(raw: raw()), ticks: long(),
      revision: Int32(truncatingIfNeeded: long()), isFinal: random.next() & 1 == 0, eventTime: time(),
      appendTime: time()
    ).encode(into: &output)
  case .sourceStatus:
    SourceStatus(
      source: "K", health: pick(SourceHealth.self), since: time(), detail: name(), eventTime: time(),
      appendTime: time()
    ).encode(into: &output)
  default:
    DeadLetter(
      topic: name(), partition: Int32(truncatingIfNeeded: long()), offset: long(),
      reason: pick(DeadLetterReason.self), detail: name(), key: [], value: Array(name().utf8), eventTime: time(),
      appendTime: time()
    ).encode(into: &output)
  }
  return output.copy()
}
