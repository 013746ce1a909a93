// A small log in memory with everything in it that a fuzzed file can stand beside: made once, copied for each input.

import Codecs
import Events
import Log
import Processors
import Projections

typealias PricePair = ProcessorPair<LatestPriceProcessor, CandleProcessor>
typealias MemoryTask = ProcessorTask<SegmentedPartition<MemoryFiles>, MemoryCheckpoints, PricePair>

/// Three hundred ticks in several segments, what is derived of them, and the checkpoints of that.
package final class StoredLog {
  static let directory = "log"
  static let recordCount: Int64 = 300
  private static let derived = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]
  static let input = "\(directory)/topics/\(Topic.ticks.name)-0"

  let files = MemoryFiles()
  let checkpoints = MemoryCheckpoints()
  /// By offset: timestamp and value of what was appended.
  private(set) var records: [(timestampMillis: Int64, value: [UInt8])] = []

  package init() throws {
    let log = try Self.open(files)
    let ticks = try log.partition(Topic.ticks.name, 0)
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    for number in 0..<Int(Self.recordCount) {
      let time = Timestamp(nanos: 1_700_000_000_000_000_000 + Int64(number) * 700_000_000)
      let tick = Tick(
        kind: number % 9 == 0 ? .clock : .trade, instrument: number % 9 == 0 ? "" : "I\(number % 4)/USD",
        source: number % 9 == 0 ? "" : "kraken", price: number % 9 == 0 ? .zero : Price(raw: Int128(number + 1) << 60),
        volume: number % 9 == 0 ? .zero : Quantity(raw: 1_000_000), sequence: Int64(number), eventTime: time)
      writer.append(tick, appendTime: time, scratch: &scratch)
      records.append((time.millis, scratch.copy()))
      if number % 4 == 3 { try ticks.append(writer.finish(), completion: nil) }
    }
    try ticks.sync()
    let task = try Self.task(log, checkpoints)
    while try task.step(maxBytes: 2000) != .caughtUp {}
    try task.checkpointNow()
    log.close()
  }

  static func open(_ files: MemoryFiles) throws -> SegmentedLog<MemoryFiles> {
    var options = LogOptions()
    options.segmentBytes = 6000
    options.indexIntervalBytes = 600
    let log = try SegmentedLog.openManual(directory: directory, options: options, files: files)
    if log.topics().isEmpty {
      try log.createTopic(TopicSettings(name: Topic.ticks.name))
      for name in derived { try log.createTopic(TopicSettings(name: name, isDerived: true)) }
    }
    return log
  }

  static func task(_ log: SegmentedLog<MemoryFiles>, _ checkpoints: MemoryCheckpoints) throws -> MemoryTask {
    var settings = TaskSettings()
    settings.checkpointRecords = 80
    return try MemoryTask(
      input: try log.partition(Topic.ticks.name, 0), outputs: try derived.map { try log.partition($0, 0) },
      store: checkpoints, settings: settings
    ) { ProcessorPair(LatestPriceProcessor(), CandleProcessor()) }
  }

  /// The input's files that end with `suffix`, the last one last.
  func paths(_ suffix: String) -> [String] {
    files.files.keys.filter { $0.hasPrefix(Self.input + "/") && $0.hasSuffix(suffix) }.sorted()
  }

  func content(_ path: String) -> [UInt8] { files.files[path]?.bytes ?? [] }
}
