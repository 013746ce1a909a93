// Random tick streams with everything that markets and clocks do to one.

import Codecs
import Events
import Kit

/// One input record: a tick with its append time, or bytes that are no tick.
enum InputRecord {
  case tick(Tick, appendTime: Int64)
  case garbage(key: [UInt8], value: [UInt8], timestampMillis: Int64)
}

/// A stream from one seed: late, duplicate, future, impossible and undecodable records, gaps, clocks, silence, a wall
/// clock that is set back.
struct TickStream {
  var random: SplitMix
  var instruments = 7
  var sources = ["kraken", "coinbase", "okx", "binance", "zed"]
  /// Append nanoseconds between two records, on average.
  var pace: Int64 = 40_000_000
  private var appended: Int64 = 1_700_000_000_000_000_000
  private var event: Int64 = 1_700_000_000_000_000_000
  private var lastClock: Int64 = 0
  private var walk: [Int: Int128] = [:]
  private var previous: Tick?

  init(seed: UInt64) { random = SplitMix(seed: seed) }

  mutating func records(_ count: Int) -> [InputRecord] { (0..<count).map { _ in next() } }

  private mutating func chance(_ oneIn: UInt64) -> Bool { random.next() % oneIn == 0 }
  private mutating func upTo(_ bound: Int64) -> Int64 { Int64(random.next() % UInt64(bound)) }

  private mutating func next() -> InputRecord {
    advance()
    if event - lastClock >= 1_000_000_000 {
      lastClock = event
      return .tick(clock(), appendTime: appended)
    }
    if chance(300) { return garbage() }
    if let previous, chance(50) { return .tick(previous, appendTime: appended) }
    var tick = price()
    if chance(60) { tick.price = Price(raw: chance(2) ? 0 : -5) }
    if chance(80) { tick.volume = Quantity(raw: -1) }
    if chance(70) { tick.eventTime.nanos = appended + 60_000_000_000 + upTo(3) - 1 }
    if chance(90) { tick.eventTime.nanos = chance(2) ? -1 : 1_000 }
    if chance(40) {
      tick = Tick(kind: .gap, instrument: tick.instrument, source: tick.source, eventTime: tick.eventTime)
    }
    previous = tick
    return .tick(tick, appendTime: appended)
  }

  private mutating func advance() {
    let step = upTo(2 * pace)
    appended += step
    event += step
    // Silence, of minutes or a day; the feed's clock stood still too.
    if chance(400) {
      let silence = chance(5) ? upTo(100_000_000_000_000) : upTo(400_000_000_000)
      event += silence
      appended += silence
    }
    if chance(500) { appended -= upTo(5_000_000_000) }
  }

  private func clock() -> Tick {
    Tick(kind: .clock, instrument: "", source: "", eventTime: Timestamp(nanos: event))
  }

  private mutating func price() -> Tick {
    let instrument = Int(upTo(Int64(instruments)))
    var raw = walk[instrument] ?? 3_000_000_000_000_000
    raw = max(1, raw + Int128(upTo(2001) - 1000) * (chance(30) ? 50_000_000_000 : 1_000_000_000))
    if chance(3) { walk[instrument] = raw }
    var time = event
    // On the edge of a minute now and then, where an inclusive bound would show.
    if chance(10) { time -= time % 60_000_000_000 }
    if chance(6) { time -= upTo(chance(4) ? 120_000_000_000 : 20_000_000_000) }
    if chance(8) { time -= time % 1_000_000_000 }
    let isTrade = !chance(4)
    return Tick(
      kind: isTrade ? .trade : .quote, instrument: "I\(instrument)/USD",
      source: sources[Int(upTo(Int64(sources.count)))], price: Price(raw: raw),
      volume: Quantity(raw: isTrade ? Int128(upTo(5)) * Int128(upTo(2_000_000_000_000_000_000)) : 0),
      side: .buy, eventTime: Timestamp(nanos: time))
  }

  private mutating func garbage() -> InputRecord {
    let bytes = (0..<Int(upTo(20))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return .garbage(key: Array("I1/USD".utf8), value: bytes, timestampMillis: event / 1_000_000)
  }
}

/// Encoded batches of `records`, cut where `cut` says, with their offsets; as a log's `read` would give them.
func encode(_ records: [InputRecord], cut: (Int) -> Bool) -> [[UInt8]] {
  var batches: [[UInt8]] = []
  var writer = RecordBatchWriter()
  var scratch = ByteWriter()
  var base: Int64 = 0
  for (index, record) in records.enumerated() {
    switch record {
    case .tick(let tick, let appendTime):
      writer.append(tick, appendTime: Timestamp(nanos: appendTime), scratch: &scratch)
    case .garbage(let key, let value, let timestampMillis):
      writer.append(timestampMillis: timestampMillis, key: key.span.bytes, value: value.span.bytes)
    }
    if cut(index) || index == records.count - 1 {
      var bytes = writer.finish().bytes
      RecordBatchHeader.patch(baseOffset: base, in: &bytes)
      batches.append(bytes)
      base = Int64(index + 1)
    }
  }
  return batches
}
