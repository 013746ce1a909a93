// The victim's log: the ticks, what is derived of them, and a task per partition.

import Codecs
import Events
import Log
import Processors
import Projections

typealias PricePair = ProcessorPair<LatestPriceProcessor, CandleProcessor>
typealias VictimTask = ProcessorTask<EmbeddedPartition, CheckpointDirectory<PosixFiles>, PricePair>

/// The embedded log of a running Millrace, with small segments and frequent checkpoints.
struct VictimLog {
  static let derived = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]

  let directory: String
  let log: EmbeddedLog
  let partitions: Int
  #if PLANTED_BUGS
    private let plantedBug: PlantedBug?
  #endif

  /// With `retentionBytes` old ticks go, and of the latest prices only the newest stay.
  init(_ directory: String, partitions: Int, options: LogOptions, retentionBytes: Int = 0) throws {
    self.directory = directory
    self.partitions = partitions
    #if PLANTED_BUGS
      plantedBug = options.plantedBug
    #endif
    log = try EmbeddedLog.open(directory: directory, options: options)
    do {
      var input = TopicPolicy()
      if retentionBytes > 0 { input.retentionBytes = Int64(retentionBytes) }
      try log.createTopic(TopicSettings(name: Topic.ticks.name, partitions: partitions, policy: input))
      for name in Self.derived {
        var policy = TopicPolicy(durability: .os)
        if retentionBytes > 0, name == Topic.latest.name {
          policy.compaction = CompactionPolicy(afterMillis: 0, tombstoneMillis: 0, dirtyPercent: 1)
        }
        try log.createTopic(
          TopicSettings(name: name, partitions: partitions, isDerived: true, policy: policy))
      }
    } catch {
      log.close()
      throw error
    }
  }

  func input(_ index: Int) throws -> EmbeddedPartition { try log.partition(Topic.ticks.name, index) }

  func outputs(_ index: Int) throws -> [EmbeddedPartition] {
    try Self.derived.map { try log.partition($0, index) }
  }

  func task(_ index: Int, checkpointRecords: Int, mode: RecoveryMode = .cutting) throws -> VictimTask {
    var settings = TaskSettings()
    settings.checkpointRecords = checkpointRecords
    #if PLANTED_BUGS
      settings.plantedBug = plantedBug
    #endif
    return try VictimTask(
      input: try input(index), outputs: try outputs(index),
      store: try CheckpointDirectory("\(directory)/checkpoints/prices-\(index)"), settings: settings, mode: mode
    ) { ProcessorPair(LatestPriceProcessor(), CandleProcessor()) }
  }

  static func options(_ arguments: Arguments) throws -> LogOptions {
    var options = LogOptions()
    options.segmentBytes = Int64(try arguments.number("segment-bytes", 1 << 20))
    options.indexIntervalBytes = try arguments.number("index-bytes", 4096)
    #if PLANTED_BUGS
      options.plantedBug = arguments.optional("plant").flatMap(PlantedBug.init(rawValue:))
    #endif
    return options
  }
}
