// A log with ticks in it, and tasks over it.

import Codecs
import Events
import Kit
import Log
import PortKit
import Processors
import Projections

/// An embedded log in a directory of its own, with the input and the derived topics of one partition.
struct TaskFixture {
  typealias Partition = SegmentedPartition<FaultyFiles>
  typealias Task = ProcessorTask<Partition, CheckpointDirectory<FaultyFiles>, PricePair>
  typealias Verification = Verifier<Partition, CheckpointDirectory<FaultyFiles>, PricePair>
  static let derived = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]

  let directory: TemporaryDirectory
  let log: SegmentedLog<FaultyFiles>
  private let files: FaultyFiles
  var checkpoints: String { "\(directory.path)/checkpoints" }

  init(
    _ directory: TemporaryDirectory = TemporaryDirectory(), options: LogOptions = LogOptions(),
    input: TopicPolicy = TopicPolicy(), derived: TopicPolicy = TopicPolicy(durability: .os),
    files: FaultyFiles = FaultyFiles()
  ) throws {
    self.directory = directory
    self.files = files
    log = try SegmentedLog.open(directory: directory.path, options: options, files: files)
    try log.createTopic(TopicSettings(name: Topic.ticks.name, policy: input))
    for name in Self.derived { try log.createTopic(TopicSettings(name: name, isDerived: true, policy: derived)) }
  }

  func partition(_ topic: String) throws -> Partition { try log.partition(topic, 0) }
  func outputs() throws -> [Partition] { try Self.derived.map { try partition($0) } }

  /// Appends `records`, cut into batches of `size`.
  func append(_ records: [InputRecord], size: Int = 100) throws {
    let input = try partition(Topic.ticks.name)
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    for (index, record) in records.enumerated() {
      switch record {
      case .tick(let tick, let appendTime):
        writer.append(tick, appendTime: Timestamp(nanos: appendTime), scratch: &scratch)
      case .garbage(let key, let value, let timestampMillis):
        writer.append(timestampMillis: timestampMillis, key: key.span.bytes, value: value.span.bytes)
      }
      if (index + 1) % size == 0 || index == records.count - 1 { try input.append(writer.finish(), completion: nil) }
    }
    try input.sync()
  }

  func task(
    _ settings: TaskSettings = Self.settings(), latest: LatestPriceSettings = LatestPriceSettings(),
    mode: RecoveryMode = .cutting
  ) throws -> Task {
    try Task(
      input: try partition(Topic.ticks.name), outputs: try outputs(),
      store: try CheckpointDirectory(checkpoints, files: files), settings: settings, mode: mode
    ) { makePair(latest) }
  }

  func verify(
    latest: LatestPriceSettings = LatestPriceSettings(), places: StoredPlaces = .offsets
  ) throws -> VerifyResult {
    var verifier = Verification(
      input: try partition(Topic.ticks.name), outputs: try outputs(),
      store: try CheckpointDirectory(checkpoints, files: files), places: places
    ) { makePair(latest) }
    return try verifier.run(maxBytes: 3000)
  }

  static func settings(checkpointRecords: Int = 700) -> TaskSettings {
    var settings = TaskSettings()
    settings.checkpointRecords = checkpointRecords
    return settings
  }

  /// Every record of the derived topics.
  func contents() throws -> [[OutputRecord]] {
    try outputs().map { partition in
      try partition.sync()
      var records: [OutputRecord] = []
      var reader = RecordBatchReader()
      var buffer = ByteWriter()
      while Int64(records.count) < partition.highWatermark {
        buffer.removeAll()
        guard try partition.read(from: Int64(records.count), maxBytes: 1 << 16, into: &buffer) else { break }
        var start = 0
        while start < buffer.count {
          let header = try reader.open(buffer.bytes.extracting(start..<buffer.count), verifyingChecksum: true)
          try reader.forEachRecord { record in
            if record.offset == Int64(records.count) {
              records.append(
                OutputRecord(
                  timestampMillis: record.timestampMillis, key: [UInt8](record.key), value: [UInt8](record.value),
                  cause: 0))
            }
          }
          start += header.byteCount
        }
      }
      return records
    }
  }
}
