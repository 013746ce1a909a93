// The fold rate from the embedded log, for `millrace bench`.

import Codecs
import Core
import Events
import Feeds
import Log
import Processors
import Projections
import Synchronization

/// How fast a log is folded on one core: read, check, decompress, decode, fold, append what comes of it.
struct FoldFigure {
  /// What is folded, and how the log came about.
  private enum Task: String {
    /// Latest price and candles of six intervals; every tick came long after it happened, so that little is emitted.
    case whole
    /// The same log; what the twins do: candles of a minute. The last price of an instrument is its newest close.
    case peers
    /// The whole over a log in which every tick came when it happened: an output or two for each.
    case paced
    /// Nothing: reading and decoding alone.
    case decode
  }

  private let directory: String
  private let ticks: Int
  private let task: Task
  private let clock = SystemClock()

  init(_ arguments: Arguments) throws {
    ticks = try arguments.number("ticks", default: 2_000_000)
    let name = arguments["task"] ?? "whole"
    guard let task = Task(rawValue: name) else {
      throw CommandFailure(code: .usage, message: "--task \(name): it must be whole, peers, paced or decode")
    }
    self.task = task
    directory = "\(try arguments.required("data"))/fold-\(ticks)\(task == .paced ? "-paced" : "")"
  }

  func run() throws -> ExitCode {
    let log = try EmbeddedLog.open(directory: directory, files: PosixFiles())
    defer { log.close() }
    for topic in [Topic.ticks, .latest, .candles, .deadTicks] {
      try log.createTopic(TopicSettings(name: topic.name, isDerived: topic.isDerived))
    }
    let input = try log.partition(Topic.ticks.name, 0)
    if input.highWatermark == 0 { try fill(log, input) }
    let nanos: Int64
    switch task {
    case .whole, .paced:
      nanos = try fold(log, [.latest, .candles]) { ProcessorPair(LatestPriceProcessor(), CandleProcessor()) }
    case .peers: nanos = try fold(log, [.candles]) { CandleProcessor(CandleSettings(intervals: [.oneMinute])) }
    case .decode:
      Console.print("{\"ticksPerSecond\":\(rate(try decode(input)))}\n")
      return .success
    }
    Console.print("{\"ticksPerSecond\":\(rate(nanos)),\"checksum\":\(try checksum(of: log))}\n")
    return .success
  }

  private func rate(_ nanos: Int64) -> Int64 { Int64(ticks) * 1_000_000_000 / max(1, nanos) }

  private func fill(_ log: EmbeddedLog, _ input: EmbeddedLog.Partition) throws {
    if task == .paced {
      let sink = PacedSink(input)
      BenchMarket.play(ticks, into: sink)
      try sink.finish()
    } else {
      BenchMarket.play(ticks, into: try TickProducer(log: log, partitions: 1, clock: clock))
    }
    try input.sync()
  }

  /// The nanoseconds of one fold of everything into empty derived topics.
  private func fold<Fold: Processor & ~Copyable>(
    _ log: EmbeddedLog, _ topics: [Topic], _ make: () -> Fold
  ) throws -> Int64 {
    let outputs = try (topics + [.deadTicks]).map { try log.partition($0.name, 0) }
    for output in outputs { try output.truncate(to: 0) }
    let store = try CheckpointDirectory("\(directory)/checkpoints-\(topics.count)")
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

  /// The nanoseconds of reading and decoding everything.
  private func decode(_ input: EmbeddedLog.Partition) throws -> Int64 {
    var buffer = ByteWriter(capacity: 2 << 20)
    var batch = TickBatch()
    let start = clock.monotonicNanos()
    var position: Int64 = 0
    while try input.read(from: position, maxBytes: 1 << 20, into: &buffer) {
      var place = 0
      while place < buffer.count {
        let header = try batch.decode(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
        place += header.byteCount
        position = header.lastOffset + 1
      }
      buffer.removeAll()
    }
    return clock.monotonicNanos() - start
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

/// Appends ticks as if each had come in the moment it happened.
private final class PacedSink<Partition: PartitionLog>: TickSink {
  private struct Encoder: ~Copyable {
    var batch = RecordBatchWriter()
    var value = ByteWriter()
    var failure: LogError?

    mutating func append(_ tick: Tick) { batch.append(tick, appendTime: tick.eventTime, scratch: &value) }

    mutating func finish(_ partition: Partition) {
      guard batch.recordCount > 0 else { return }
      do throws(LogError) { try partition.append(batch.finish(), completion: nil) } catch { failure = error }
    }
  }

  private let partition: Partition
  private let encoder = Mutex(Encoder())

  init(_ partition: Partition) { self.partition = partition }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    encoder.withLock { encoder in
      for tick in ticks { encoder.append(tick) }
      if encoder.batch.recordCount >= Limits.feedBatchTicks { encoder.finish(partition) }
    }
    completion?(nil)
  }

  func finish() throws {
    let failure = encoder.withLock { encoder in
      encoder.finish(partition)
      return encoder.failure
    }
    if let failure { throw failure }
  }
}
