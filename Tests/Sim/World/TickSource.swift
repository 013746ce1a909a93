// Ticks with everything that markets and clocks do to them.

import Codecs
import Events
import Kit

/// Draws batches of tick records: late, future, impossible and undecodable ones, tombstones, gaps, clocks, a wall clock
/// that is set by an hour.
struct TickSource: ~Copyable {
  /// What the wall clock shows; monotonic time does not move when it is set.
  private(set) var wallNanos: Int64 = 1_700_000_000_000_000_000
  /// How far it went forward, whatever it went back: no age that it shows is greater than the difference of two such.
  private(set) var forwardNanos: Int64 = 0
  private var price: Int128 = 3_000_000_000_000_000_000
  private var scratch = ByteWriter()
  private var writer = RecordBatchWriter()

  init() {}

  /// Moves the wall clock.
  mutating func advance(nanos: Int64) {
    wallNanos += nanos
    forwardNanos += max(0, nanos)
  }

  /// A batch of up to `recordsMax` records, and each record's digest.
  mutating func batch(recordsMax: Int, _ random: inout SplitMix) -> (EncodedBatch, [StoredDigest]) {
    var records: [StoredDigest] = []
    for _ in 0..<Int.random(in: 1...recordsMax, using: &random) {
      let choice = random.next() % 40
      if choice == 0 {
        let garbage = (0..<Int.random(in: 0...30, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let key = Array("I1/USD".utf8)
        add(wallNanos / 1_000_000, key.span.bytes, garbage.span.bytes, to: &records)
      } else if choice == 5 {
        let key = Array("I\(random.next() % 3)/USD".utf8)
        add(wallNanos / 1_000_000, key.span.bytes, nil, to: &records)
      } else {
        let tick = tick(choice, &random)
        scratch.removeAll()
        tick.encode(appendTime: Timestamp(nanos: wallNanos), into: &scratch)
        let value = scratch.copy()
        let key = Array(tick.instrument.utf8)
        add(tick.eventTime.millis, tick.kind == .clock ? nil : key.span.bytes, value.span.bytes, to: &records)
      }
    }
    let compression = random.next() % 3 == 0 ? Compression.lz4 : .none
    return (writer.finish(compression: compression), records)
  }

  private mutating func add(_ time: Int64, _ key: RawSpan?, _ value: RawSpan?, to records: inout [StoredDigest]) {
    writer.append(timestampMillis: time, key: key, value: value)
    records.append(StoredDigest(timestampMillis: time, key: key, value: value))
  }

  private mutating func tick(_ choice: UInt64, _ random: inout SplitMix) -> Tick {
    let instrument = "I\(random.next() % 3)/USD"
    let source = ["kraken", "okx", "zed"][Int(random.next() % 3)]
    // Late now and then, in whole milliseconds or not.
    let late = Int64(random.next() % 4 == 0 ? random.next() % 90_000_000_000 : random.next() % 2_000_000)
    let time = Timestamp(nanos: wallNanos - late)
    switch choice {
    case 1: return Tick(kind: .clock, instrument: "", source: "", eventTime: Timestamp(nanos: wallNanos))
    case 2: return Tick(kind: .gap, instrument: instrument, source: source, eventTime: time)
    default: break
    }
    price = max(1, price + Int128(Int64(random.next() % 2001) - 1000) * 1_000_000_000_000)
    return Tick(
      kind: random.next() % 4 == 0 ? .quote : .trade, instrument: instrument, source: source,
      price: Price(raw: choice == 3 ? -1 : price),
      volume: Quantity(raw: Int128(random.next() % 5) * 1_000_000_000_000_000_000), side: .buy,
      sequence: Int64(truncatingIfNeeded: random.next() >> 20),
      eventTime: choice == 4 ? Timestamp(nanos: wallNanos + 61_000_000_000) : time)
  }
}
