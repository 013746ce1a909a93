// An edge over a log of its own, with a sink that writes the ticks as the process does.

import Codecs
import Core
import Events
import Feeds
import Glibc
import Kit
import Log
import Projections
import Synchronization

@testable import Web

/// Writes ticks to `prices.ticks`, or refuses to, as the test wants.
final class TestSink: TickSink {
  let log: EmbeddedLog
  let failure = Mutex<String?>(nil)
  /// Completions that are held back while `isHolding`.
  let held = Mutex<[@Sendable () -> Void]>([])
  let isHolding = Atomic<Bool>(false)

  init(log: EmbeddedLog) { self.log = log }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    if let failure = failure.withLock({ $0 }) {
      completion?(failure)
      return
    }
    var writer = RecordBatchWriter()
    var value = ByteWriter()
    for tick in ticks {
      value.removeAll()
      tick.encode(appendTime: Timestamp(millis: 1_800_000_000_000), into: &value)
      let key = Array(tick.instrument.utf8)
      writer.append(timestampMillis: tick.eventTime.millis, key: key.span.bytes, value: value.bytes)
    }
    do {
      try log.partition(Topic.ticks.name, 0).append(writer.finish()) { [self] result in
        let finish: @Sendable () -> Void = {
          switch result {
          case .success: completion?(nil)
          case .failure(let error): completion?("\(error)")
          }
        }
        if isHolding.load(ordering: .acquiring) { held.withLock { $0.append(finish) } } else { finish() }
      }
    } catch { completion?("\(error)") }
  }
}

final class EdgeFixture {
  let directory = TemporaryDirectory()
  let log: EmbeddedLog
  let sink: TestSink
  let server: EdgeServer<EmbeddedLog, TestSink>
  let port: UInt16

  init(
    prepare: (EmbeddedLog) throws -> Void = { _ in }, configure: (inout EdgeConfiguration) -> Void = { _ in }
  ) throws {
    log = try EmbeddedLog.open(directory: directory.path)
    for topic in Topic.all {
      try log.createTopic(TopicSettings(name: topic.name, partitions: 1, isDerived: topic.isDerived))
    }
    try prepare(log)
    sink = TestSink(log: log)
    var configuration = EdgeConfiguration()
    configuration.port = 0
    configuration.version = "1.2.3"
    configure(&configuration)
    server = EdgeServer(log: log, sink: sink, configuration: configuration)
    port = try server.start()
  }

  deinit {
    server.stop(deadlineNanos: 100_000_000)
    log.close()
  }

  func client() throws -> HTTPTestClient { try HTTPTestClient(port: port) }

  /// Waits until the views show what is in the log.
  func settle() throws {
    let deadline = SystemClock().monotonicNanos() + 5_000_000_000
    for topic in [Topic.latest, .candles, .sourceStatus] {
      let end = try log.partition(topic.name, 0).highWatermark
      while SystemClock().monotonicNanos() < deadline {
        let position =
          topic == .latest
          ? server.views.latest.position
          : topic == .candles ? server.views.candles.position : server.views.sources.position
        if position.offsets[0] == end - 1 { break }
        usleep(1000)
      }
    }
  }

  static func append(
    _ log: EmbeddedLog, _ topic: Topic, _ records: [(key: String, time: Timestamp, encode: (inout ByteWriter) -> Void)]
  ) throws {
    var writer = RecordBatchWriter()
    var value = ByteWriter()
    for record in records {
      value.removeAll()
      record.encode(&value)
      let key = Array(record.key.utf8)
      writer.append(timestampMillis: record.time.millis, key: key.span.bytes, value: value.bytes)
    }
    let partition = try log.partition(topic.name, 0)
    let isDone = Atomic<Bool>(false)
    try partition.append(writer.finish()) { _ in isDone.store(true, ordering: .releasing) }
    while !isDone.load(ordering: .acquiring) { usleep(100) }
  }

  static func appendPrices(_ log: EmbeddedLog, _ prices: [LatestPrice]) throws {
    try append(log, .latest, prices.map { price in (price.instrument, price.eventTime, { price.encode(into: &$0) }) })
  }

  static func appendCandles(_ log: EmbeddedLog, _ candles: [Candle]) throws {
    try append(
      log, .candles, candles.map { candle in (candle.instrument, candle.eventTime, { candle.encode(into: &$0) }) })
  }
}

func units(_ value: Int) -> Int128 { Int128(value) * 1_000_000_000_000_000_000 }

func price(_ instrument: String, _ value: Int, millis: Int64 = 1_700_000_000_000) -> LatestPrice {
  LatestPrice(
    instrument: instrument, price: Price(raw: units(value)), previousPrice: nil, direction: .unchanged,
    change24h: .zero, changePercent24h: .zero, volume24h: Quantity(raw: units(7)),
    sources: [
      PriceContribution(
        source: "kraken", price: Price(raw: units(value)), weight: Quantity(raw: units(1)),
        eventTime: Timestamp(millis: millis))
    ], eventTime: Timestamp(millis: millis), appendTime: Timestamp(millis: millis + 1))
}

func candle(
  _ instrument: String, _ interval: CandleInterval = .oneMinute, minute: Int, revision: Int32 = 1, close: Int = 5,
  isFinal: Bool = true
) -> Candle {
  let start = Timestamp(millis: 1_700_000_040_000 + Int64(minute) * 60_000)
  let end = Timestamp(millis: start.millis + Int64(interval.rawValue) * 1000)
  return Candle(
    instrument: instrument, interval: interval, start: start, open: Price(raw: units(1)), high: Price(raw: units(9)),
    low: Price(raw: units(1)), close: Price(raw: units(close)), volume: Quantity(raw: units(2)), vwap: nil, ticks: 3,
    revision: revision, isFinal: isFinal, eventTime: end, appendTime: end)
}
