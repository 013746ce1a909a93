// What the victim appends: event n of a seed is always the same, so that anyone can say what should be there.

import Codecs
import Events
import Kit

/// Ticks, clocks, gaps and now and then bytes that are no tick. Each event holds its number, so no two are alike.
struct EventScript {
  let seed: UInt64
  private static let start: Int64 = 1_700_000_000_000_000_000
  private static let sources = ["kraken", "coinbase", "okx"]

  /// Appends event `number` to the batch that `writer` is making.
  func append(_ number: Int, to writer: inout RecordBatchWriter, scratch: inout ByteWriter) {
    var random = SplitMix(seed: seed &+ UInt64(number) &* 0x9e37_79b9)
    // 50 milliseconds of stream time each, so that a run of a few thousand events closes candles.
    let time = Self.start + Int64(number) * 50_000_000
    let appended = Timestamp(nanos: time)
    guard number % 97 != 96 else {
      let garbage = Array("no tick, but number \(number)".utf8)
      return writer.append(
        timestampMillis: appended.millis, key: Array("I1/USD".utf8).span.bytes, value: garbage.span.bytes)
    }
    let kind: TickKind = number % 20 == 0 ? .clock : number % 45 == 7 ? .gap : .trade
    let isTrade = kind == .trade
    let late = isTrade ? Int64(random.next() % 40_000_000_000) / (number % 9 == 0 ? 1 : 100) : 0
    let tick = Tick(
      kind: kind, instrument: kind == .clock ? "" : "I\(random.next() % 7)/USD",
      source: kind == .clock ? "" : Self.sources[Int(random.next() % 3)],
      price: isTrade ? Price(raw: Int128(random.next() % 1_000_000 + 1) * 1_000_000_000_000_000) : .zero,
      volume: isTrade ? Quantity(raw: Int128(random.next() % 1_000_000) * 1_000_000_000_000) : .zero,
      side: isTrade ? .buy : .unknown, sequence: Int64(number), eventTime: Timestamp(nanos: time - late))
    writer.append(tick, appendTime: appended, scratch: &scratch)
  }

  /// A batch of the events in `numbers`, in Kafka's format.
  func batch(_ numbers: Range<Int>) -> EncodedBatch {
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    for number in numbers { append(number, to: &writer, scratch: &scratch) }
    return writer.finish()
  }

  /// The same in batches of a size that no run has.
  func batches(_ numbers: Range<Int>) -> [EncodedBatch] {
    stride(from: numbers.lowerBound, to: numbers.upperBound, by: 700).map { start in
      batch(start..<min(start + 700, numbers.upperBound))
    }
  }
}
