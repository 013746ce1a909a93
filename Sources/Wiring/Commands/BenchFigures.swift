// The figures of `millrace bench` that need a log.

import Codecs
import Core
import Events
import Feeds
import Foundation
import Log
import Processors
import Projections
import Synchronization

/// The fold rate from the embedded log: read, check, decompress, decode, fold, append what comes of it.
struct FoldFigure {
  private let data: String
  private let ticks: Int
  private let isWhole: Bool
  private let clock = SystemClock()

  init(_ arguments: Arguments) throws {
    data = try arguments.required("data")
    ticks = try arguments.number("ticks", default: 2_000_000)
    switch arguments["task"] ?? "whole" {
    case "whole": isWhole = true
    case "peers": isWhole = false
    case let other: throw CommandFailure(code: .usage, message: "--task \(other): it must be whole or peers")
    }
  }

  func run() throws -> ExitCode {
    let log = try EmbeddedLog.open(directory: "\(data)/fold-\(ticks)", files: PosixFiles())
    defer { log.close() }
    for topic in [Topic.ticks, .latest, .candles, .deadTicks] {
      try log.createTopic(TopicSettings(name: topic.name, isDerived: topic.isDerived))
    }
    let input = try log.partition(Topic.ticks.name, 0)
    if input.highWatermark == 0 {
      BenchMarket.play(ticks, into: try TickProducer(log: log, partitions: 1, clock: clock))
      try input.sync()
    }
    // The last price of an instrument is the close of its newest candle.
    let nanos =
      isWhole
      ? try fold(log, [.latest, .candles]) { ProcessorPair(LatestPriceProcessor(), CandleProcessor()) }
      : try fold(log, [.candles]) { CandleProcessor(CandleSettings(intervals: [.oneMinute])) }
    let rate = Int64(ticks) * 1_000_000_000 / max(1, nanos)
    Console.print("{\"ticksPerSecond\":\(rate),\"checksum\":\(try checksum(of: log))}\n")
    return .success
  }

  /// The nanoseconds of one fold of everything into empty derived topics.
  private func fold<Fold: Processor & ~Copyable>(
    _ log: EmbeddedLog, _ topics: [Topic], _ make: () -> Fold
  ) throws -> Int64 {
    let outputs = try (topics + [.deadTicks]).map { try log.partition($0.name, 0) }
    for output in outputs { try output.truncate(to: 0) }
    let store = try CheckpointDirectory("\(data)/fold-\(ticks)/checkpoints-\(topics.count)")
    for name in try store.names() { try store.remove(name) }
    var settings = TaskSettings()
    settings.checkpointRecords = .max
    let task = try ProcessorTask(
      input: try log.partition(Topic.ticks.name, 0), outputs: outputs, store: store, settings: settings,
      makeProcessor: make)
    let start = clock.monotonicNanos()
    while try task.step() != .caughtUp {}
    let nanos = clock.monotonicNanos() - start
    for output in outputs { try output.sync() }
    return nanos
  }

  /// Sums over the final one-minute candles, at scale 8: what the twins sum up too.
  private func checksum(of log: EmbeddedLog) throws -> String {
    let partition = try log.partition(Topic.candles.name, 0)
    var sums = [Int128](repeating: 0, count: 7)
    var buffer = ByteWriter(capacity: 2 << 20)
    var reader = RecordBatchReader()
    var position: Int64 = 0
    while try partition.read(from: position, maxBytes: 1 << 20, into: &buffer) {
      var place = 0
      while place < buffer.count {
        let header = try reader.open(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
        try reader.forEachRecord { record throws(CodecError) in
          let candle = try Candle(decoding: record)
          guard candle.interval == .oneMinute, candle.isFinal else { return }
          let raws = [candle.open.raw, candle.high.raw, candle.low.raw, candle.close.raw, candle.volume.raw]
          sums[0] += 1
          sums[1] += Int128(candle.ticks)
          for (index, raw) in raws.enumerated() { sums[index + 2] += raw / 10_000_000_000 }
        }
        place += header.byteCount
        position = header.lastOffset + 1
      }
      buffer.removeAll()
    }
    let names = ["candles", "ticks", "open", "high", "low", "close", "volume"]
    return "{" + zip(names, sums).map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }
}

/// The rate of durable appends through the port: one producer, batches as a feed makes them.
struct AppendFigure {
  private static let batchTicks = 4096
  private static let batchesInFlight = 8
  private let data: String
  private let seconds: Int
  private let clock = SystemClock()

  init(_ arguments: Arguments) throws {
    data = try arguments.required("data")
    seconds = try arguments.number("seconds", default: 5)
  }

  func run() throws -> ExitCode {
    let log = try EmbeddedLog.open(directory: data, files: PosixFiles())
    defer { log.close() }
    try log.createTopic(TopicSettings(name: Topic.ticks.name))
    let producer = try TickProducer(log: log, partitions: 1, clock: clock)
    let inFlight = Monitor(0)
    let ticks = batch()
    let start = clock.monotonicNanos()
    let firstCommit = log.generation
    var count: Int64 = 0
    while clock.monotonicNanos() - start < Int64(seconds) * 1_000_000_000 {
      inFlight.wait { open -> Void? in
        guard open < Self.batchesInFlight else { return nil }
        open += 1
        return ()
      }
      producer.send(ticks) { _ in
        inFlight.withLock { $0 -= 1 }
        inFlight.signal()
      }
      count += Int64(ticks.count)
    }
    inFlight.wait { $0 == 0 ? () : nil }
    let nanos = clock.monotonicNanos() - start
    let commits = max(1, Int64(clamping: log.generation - firstCommit))
    let bytes = try storedBytes()
    Console.print(
      "{\"ticksPerSecond\":\(count * 1_000_000_000 / nanos),\"bytesPerCommit\":\(bytes / commits),"
        + "\"ticksPerCommit\":\(count / commits)}\n")
    return .success
  }

  private func batch() -> [Tick] {
    let sink = TickCollector()
    BenchMarket.play(Self.batchTicks, into: sink)
    return sink.ticks
  }

  private func storedBytes() throws -> Int64 {
    let directory = "\(data)/topics/\(Topic.ticks.name)-0"
    return try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".log") }
      .reduce(0) { sum, name in
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")
        return sum + ((attributes[.size] as? NSNumber)?.int64Value ?? 0)
      }
  }
}

/// Keeps ticks; for a batch that is sent again and again.
private final class TickCollector: TickSink {
  private let kept = Mutex<[Tick]>([])
  var ticks: [Tick] { kept.withLock { $0 } }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    kept.withLock { $0 += ticks.filter { $0.kind == .trade } }
    completion?(nil)
  }
}
