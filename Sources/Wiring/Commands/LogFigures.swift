// The figures of `millrace bench` that are about the log alone: commit, stream, replay, restore, open.

import Codecs
import Core
import Events
import Feeds
import Foundation
import Log
import Processors
import Projections

/// A topic of the embedded log with records of a fixed size, whose content does not compress.
struct LogFigures {
  private static let topicName = "bench.v1"
  private let data: String
  private let payloadBytes: Int
  private let arguments: Arguments
  private let clock = SystemClock()

  init(_ arguments: Arguments) throws {
    self.arguments = arguments
    data = try arguments.required("data")
    payloadBytes = try arguments.number("payload", default: 128)
  }

  private func withPartition<Result>(
    synced isSynced: Bool, _ body: (EmbeddedLog, EmbeddedPartition) throws -> Result
  ) throws -> Result {
    let log = try EmbeddedLog.open(directory: data, files: PosixFiles())
    defer { log.close() }
    let policy = TopicPolicy(durability: isSynced ? .fsync : .os)
    try log.createTopic(TopicSettings(name: Self.topicName, policy: policy))
    return try body(log, try log.partition(Self.topicName, 0))
  }

  /// Seeded noise.
  private func noise(_ bytes: Int) -> [UInt8] {
    var random = SplitMix64(seed: 1)
    var payload = ByteWriter(capacity: bytes + 8)
    while payload.count < bytes { payload.append(littleEndian: random.next()) }
    payload.truncate(to: bytes)
    return payload.copy()
  }

  private func batch(of payload: [UInt8], timesMillis: [Int64]) -> EncodedBatch {
    var writer = RecordBatchWriter()
    for time in timesMillis { writer.append(timestampMillis: time, key: nil, value: unsafe payload.span.bytes) }
    return writer.finish(compression: .none)
  }

  // MARK: Acknowledged appends

  /// `producers` producers with one record in flight each, every one acknowledged after a sync.
  func commit() throws -> ExitCode {
    let producers = try arguments.number("producers", default: 64)
    let deadlineNanos = Int64(try arguments.number("seconds", default: 5)) * 1_000_000_000
    return try withPartition(synced: true) { _, partition in
      let ready = BoundedQueue<Int>(weightMax: .max)
      let latency = Histogram(unit: .nanoseconds)
      let record = batch(of: noise(payloadBytes), timesMillis: [0])
      for producer in 0..<producers { _ = ready.push(producer, weight: 1) }
      let start = clock.monotonicNanos()
      var free: [Int] = []
      var count: Int64 = 0
      var inFlight = 0
      while ready.drain(into: &free) {
        inFlight -= count == 0 ? 0 : free.count
        let now = clock.monotonicNanos()
        if now - start >= deadlineNanos {
          if inFlight == 0 { break }
          continue
        }
        for producer in free {
          try partition.append(record) { [clock] _ in
            latency.record(clock.monotonicNanos() - now)
            _ = ready.push(producer, weight: 1)
          }
        }
        inFlight += free.count
        count += Int64(free.count)
      }
      let nanos = clock.monotonicNanos() - start
      Console.print(
        "{\"recordsPerSecond\":\(count * 1_000_000_000 / nanos),"
          + "\"latencyMicros\":{\"p50\":\(micros(latency, 0.5)),\"p99\":\(micros(latency, 0.99))}}\n")
      return .success
    }
  }

  private func micros(_ latency: Histogram, _ quantile: Double) -> String {
    String(format: "%.1f", Double(latency.value(atQuantile: quantile)) / 1000)
  }

  /// Appends without a sync: one producer, batches as a client would pipeline them.
  func stream() throws -> ExitCode {
    let records = try arguments.number("records", default: 5_000_000)
    let batchRecords = try arguments.number("batch", default: 512)
    return try withPartition(synced: false) { _, partition in
      let done = Monitor(0)
      let payload = noise(payloadBytes)
      let timesMillis = [Int64](repeating: 0, count: batchRecords)
      let bytesPerBatch = batch(of: payload, timesMillis: timesMillis).bytes.count
      let batches = (records + batchRecords - 1) / batchRecords
      let start = clock.monotonicNanos()
      for _ in 0..<batches {
        // Encoded anew each time, as a producer must.
        try partition.append(batch(of: payload, timesMillis: timesMillis)) { _ in
          done.withLock { $0 += 1 }
          done.signal()
        }
      }
      done.wait { $0 == batches ? () : nil }
      let nanos = clock.monotonicNanos() - start
      Console.print(
        "{\"recordsPerSecond\":\(Int64(batches * batchRecords) * 1_000_000_000 / nanos),"
          + "\"bytesPerBatch\":\(bytesPerBatch),\"batches\":\(batches)}\n")
      return .success
    }
  }

  // MARK: Replay

  /// One consumer reads every record from the start: of the ticks that `fold` made.
  func replay() throws -> ExitCode {
    let ticks = try arguments.number("ticks", default: 10_000_000)
    let log = try EmbeddedLog.open(directory: "\(data)/fold-\(ticks)", files: PosixFiles())
    defer { log.close() }
    for topic in [Topic.ticks, .latest, .candles, .deadTicks] {
      try log.createTopic(TopicSettings(name: topic.name, isDerived: topic.isDerived))
    }
    let partition = try log.partition(Topic.ticks.name, 0)
    if partition.highWatermark == 0 {
      BenchMarket.play(ticks, into: try TickProducer(log: log, partitions: 1, clock: clock))
      try partition.sync()
    }
    let start = clock.monotonicNanos()
    var buffer = ByteWriter(capacity: 2 << 20)
    var reader = RecordBatchReader()
    var records: Int64 = 0
    var bytes: Int64 = 0
    var offset: Int64 = 0
    while try partition.read(from: offset, maxBytes: 1 << 20, into: &buffer) {
      var place = 0
      while place < buffer.count {
        let header = try reader.open(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
        try reader.forEachRecord { record throws(CodecError) in
          records += 1
          bytes += Int64(record.key.byteCount + record.value.byteCount)
        }
        place += header.byteCount
        offset = header.lastOffset + 1
      }
      buffer.removeAll()
    }
    let nanos = clock.monotonicNanos() - start
    Console.print(
      "{\"recordsPerSecond\":\(records * 1_000_000_000 / nanos),\"records\":\(records),\"bytesPerRecord\":"
        + "\(bytes / max(1, records))}\n")
    return .success
  }

  // MARK: Restore

  /// The time from opening the log to a fold that is ready, with `keys` keys in its checkpoint and nothing behind it.
  func restore() throws -> ExitCode {
    let keys = try arguments.number("keys", default: 1_000_000)
    let directory = "\(data)/restore-\(keys)"
    if !FileManager.default.fileExists(atPath: directory) { _ = try restored(directory, keys: keys, isFilling: true) }
    let (nanos, records) = try restored(directory, keys: keys, isFilling: false)
    Console.print("{\"millis\":\(String(format: "%.1f", Double(nanos) / 1e6)),\"records\":\(records)}\n")
    return .success
  }

  private func restored(_ directory: String, keys: Int, isFilling: Bool) throws -> (nanos: Int64, records: Int64) {
    let start = clock.monotonicNanos()
    let log = try EmbeddedLog.open(directory: directory, files: PosixFiles())
    defer { log.close() }
    let topics = [Topic.ticks, .latest, .deadTicks]
    for topic in topics { try log.createTopic(TopicSettings(name: topic.name, isDerived: topic.isDerived)) }
    let input = try log.partition(Topic.ticks.name, 0)
    if isFilling { try fill(try TickProducer(log: log, partitions: 1, clock: clock), input, keys: keys) }
    var settings = TaskSettings()
    settings.checkpointRecords = keys
    let task = try ProcessorTask(
      input: input, outputs: try topics.dropFirst().map { try log.partition($0.name, 0) },
      store: try CheckpointDirectory("\(directory)/checkpoints"), settings: settings
    ) { LatestPriceProcessor() }
    var isCaughtUp = false
    while !isCaughtUp { isCaughtUp = try task.step() == .caughtUp }
    return (clock.monotonicNanos() - start, input.highWatermark)
  }

  private func fill<Sink: TickSink>(_ sink: Sink, _ input: EmbeddedPartition, keys: Int) throws {
    var ticks: [Tick] = []
    for number in 0..<keys {
      let time = Timestamp(nanos: BenchMarket.start.nanos + Int64(number) * 1000)
      var tick = Tick(kind: .trade, instrument: "K\(number)/USD", source: "s\(number % 5)", eventTime: time)
      tick.price = Price(raw: Int128(number + 1) * 1_000_000_000_000_000)
      tick.volume = Quantity(raw: 1_000_000_000_000_000_000)
      ticks.append(tick)
      guard ticks.count == 4096 || number == keys - 1 else { continue }
      sink.send(ticks, completion: nil)
      ticks.removeAll(keepingCapacity: true)
    }
    // Behind what was sent.
    try input.sync()
  }

  // MARK: Open

  /// Makes a log of `gigabytes` GiB, if there is none; then the time and memory of opening it, and of finding times.
  func open() throws -> ExitCode {
    let batches = try arguments.number("gigabytes", default: 20) * 1024 * 2
    let batchRecords = 127
    let payload = noise(4096)
    guard FileManager.default.fileExists(atPath: "\(data)/topics") else {
      try withPartition(synced: false) { _, partition in
        for number in 0..<batches {
          let first = number * batchRecords
          let records = first..<first + batchRecords
          try partition.append(batch(of: payload, timesMillis: records.map { Int64($0) * 10 }), completion: nil)
        }
        try partition.sync()
      }
      Console.print("{\"isMade\":true}\n")
      return .success
    }
    let start = clock.monotonicNanos()
    return try withPartition(synced: false) { _, partition in
      let openNanos = clock.monotonicNanos() - start
      let peakKilobytes = Self.peakKilobytes()
      var random = SplitMix64(seed: 7)
      let numbers = (0..<2000).map { _ in Int64(random.next() % UInt64(batches * batchRecords)) }
      // What a log larger than the memory has not been asked for lately comes from the disk: the first pass.
      let coldSeeks = try seek(numbers, in: partition)
      let seeks = try seek(numbers, in: partition)
      Console.print(
        "{\"openMillis\":\(String(format: "%.1f", Double(openNanos) / 1e6)),\"peakMebibytes\":"
          + "\(String(format: "%.1f", Double(peakKilobytes) / 1024)),"
          + "\"seekMicros\":{\"p50\":\(micros(seeks, 0.5)),\"p99\":\(micros(seeks, 0.99)),"
          + "\"coldP99\":\(micros(coldSeeks, 0.99))}}\n")
      return .success
    }
  }

  /// Finds each record by a time just before its own.
  private func seek(_ numbers: [Int64], in partition: EmbeddedPartition) throws -> Histogram {
    let seeks = Histogram(unit: .nanoseconds)
    for number in numbers {
      let before = clock.monotonicNanos()
      let found = try partition.offset(atOrAfter: number * 10 - 5)
      seeks.record(clock.monotonicNanos() - before)
      guard found == number else { throw CommandFailure(code: .software, message: "found \(found), not \(number)") }
    }
    return seeks
  }

  private static func peakKilobytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  }
}
