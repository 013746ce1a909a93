// A fold of synthetic ticks on a real broker, and the same on the embedded log.

import Codecs
import Core
import Events
import Feeds
import Kit
import Log
import LogKafka
import Processors
import Projections

typealias PricePair = ProcessorPair<LatestPriceProcessor, CandleProcessor>
typealias KafkaTask = TransactionalTask<
  KafkaPartition, KafkaTransactions, CheckpointDirectory<PosixFiles>, PricePair
>

func makePair() -> PricePair {
  ProcessorPair(LatestPriceProcessor(LatestPriceSettings()), CandleProcessor(CandleSettings()))
}

/// Batches of ticks with faults in them, and of what is no tick; the same for the same seed.
func tickBatches(seed: UInt64, count: Int, perBatch: Int = 500) -> [EncodedBatch] {
  var configuration = SyntheticConfiguration()
  configuration.seed = seed
  var market = SyntheticMarket(configuration)
  var writer = RecordBatchWriter()
  var scratch = ByteWriter()
  var batches: [EncodedBatch] = []
  var time: Int64 = 1_700_000_000_000_000_000
  var made = 0
  while made < count {
    var ticks: [Tick] = []
    market.next(at: Timestamp(nanos: time), into: &ticks)
    time += 16_000_000
    for tick in ticks {
      writer.append(tick, appendTime: Timestamp(nanos: time), scratch: &scratch)
      made += 1
    }
    if made % 997 == 0 {
      let garbage: [UInt8] = [0, 0, 0, 0, 1, 255]
      writer.append(timestampMillis: time / 1_000_000, key: nil, value: garbage.span.bytes)
    }
    if writer.recordCount >= perBatch { batches.append(writer.finish()) }
  }
  if writer.recordCount > 0 { batches.append(writer.finish()) }
  return batches
}

/// Topics that were never used, a group of their own, and tasks over them.
final class KafkaFold {
  let group: String
  let input: String
  let outputs: [String]
  let checkpoints = TemporaryDirectory()
  private let form: ValueEncoding.Form?

  /// With a `form`, that is how all values are stored.
  init(storedAs form: ValueEncoding.Form? = nil) throws {
    self.form = form
    group = Broker.freshTopic("group")
    input = Broker.freshTopic("ticks")
    outputs = ["latest", "candles", "dead"].map { Broker.freshTopic($0) }
    let log = try open()
    defer { log.close() }
    try log.createTopic(TopicSettings(name: input))
    for name in outputs { try log.createTopic(TopicSettings(name: name, isDerived: true)) }
  }

  /// A log of its own, as another process would have.
  func open(_ adjust: (inout KafkaConfiguration) -> Void = { _ in }) throws -> KafkaLog {
    try Broker.open {
      $0.group = group
      for (name, topic) in zip([input] + outputs, [Topic.ticks, .latest, .candles, .deadTicks]) {
        $0.encodings[name] = form.flatMap { topic.encoding($0) }
      }
      adjust(&$0)
    }
  }

  /// What the last task told of what it folded silently.
  private(set) var silent: [SilentFold] = []

  func task(
    _ log: KafkaLog, checkpointRecords: Int = 5000, checkpoints: TemporaryDirectory? = nil
  ) throws -> KafkaTask {
    var settings = TaskSettings()
    settings.checkpointRecords = checkpointRecords
    let input = try log.partition(input, 0)
    let outputs = try outputs.map { try log.partition($0, 0) }
    silent = []
    return try KafkaTask(
      input: input, outputs: outputs,
      writer: log.transactions(input: input, outputs: outputs),
      store: try CheckpointDirectory((checkpoints ?? self.checkpoints).path + "/checkpoints"), settings: settings,
      makeProcessor: makePair
    ) {
      silent.append($0)
      return true
    }
  }

  /// Judges what is committed, from a log of its own.
  func verify() throws -> VerifyResult {
    let log = try open()
    defer { log.close() }
    var verifier = Verifier(
      input: try log.partition(input, 0), outputs: try outputs.map { try log.partition($0, 0) },
      store: try CheckpointDirectory(checkpoints.path + "/checkpoints"), places: .counts, makeProcessor: makePair)
    return try verifier.run()
  }

  func append(_ batches: [EncodedBatch]) throws {
    let log = try open()
    defer { log.close() }
    let partition = try log.partition(input, 0)
    for batch in batches { try partition.append(batch, completion: nil) }
    try partition.sync()
  }

  /// What a reader of committed records sees, by topic, once no transaction is open: a commit is answered before all
  /// its markers are written.
  func contents() throws -> [[[UInt8]]] {
    let (all, committed) = (try OtherClient(isolation: "read_uncommitted"), try OtherClient())
    let deadline = SystemClock().monotonicNanos() + 30_000_000_000
    for name in outputs {
      while try all.end(of: name) > committed.end(of: name), SystemClock().monotonicNanos() < deadline {
        NamedThread.sleep(nanos: 10_000_000)
      }
    }
    let log = try open()
    defer { log.close() }
    return try outputs.map { try recordBytes(of: log.partition($0, 0)) }
  }
}

/// Time, key and value of each record, in order; without offsets, as transactions leave gaps in them.
private func recordBytes(of partition: some PartitionLog) throws -> [[UInt8]] {
  var records: [[UInt8]] = []
  var buffer = ByteWriter()
  var reader = RecordBatchReader()
  var offset: Int64 = 0
  while try partition.read(from: offset, maxBytes: 1 << 20, into: &buffer) {
    var rest = buffer.bytes
    while rest.byteCount > 0 {
      let header = try reader.open(rest, verifyingChecksum: true)
      try reader.forEachRecord { (record: RecordView) throws(CodecError) in
        guard record.offset >= offset else { return }
        var bytes = ByteWriter()
        bytes.append(bigEndian: UInt64(bitPattern: record.timestampMillis))
        bytes.append(bigEndian: UInt32(record.key.byteCount))
        bytes.append(record.key)
        bytes.append(record.value)
        records.append(bytes.copy())
      }
      offset = header.lastOffset + 1
      rest = rest.extracting(droppingFirst: header.byteCount)
    }
    buffer.removeAll()
  }
  return records
}

/// Folds all there is, with a commit every few steps.
func foldAll(_ task: KafkaTask, stepBytes: Int = 1 << 16, stepsPerCommit: Int = 3) throws {
  var steps = 0
  while try task.step(maxBytes: stepBytes) != .caughtUp {
    steps += 1
    if steps % stepsPerCommit == 0 { try task.commit() }
  }
  try task.commit()
}

/// What the embedded log makes of the same batches: contents by topic, and the state's hash.
func foldEmbedded(_ batches: [EncodedBatch]) throws -> (contents: [[[UInt8]]], stateHash: [UInt8]) {
  let directory = TemporaryDirectory()
  let log = try EmbeddedLog.open(directory: directory.path)
  defer { log.close() }
  let names = [Topic.latest.name, Topic.candles.name, Topic.deadTicks.name]
  try log.createTopic(TopicSettings(name: Topic.ticks.name))
  for name in names { try log.createTopic(TopicSettings(name: name, isDerived: true)) }
  let input = try log.partition(Topic.ticks.name, 0)
  for batch in batches { try input.append(batch, completion: nil) }
  try input.sync()
  let outputs = try names.map { try log.partition($0, 0) }
  let task = try ProcessorTask(
    input: input, outputs: outputs, store: try CheckpointDirectory(directory.path + "/checkpoints"),
    makeProcessor: makePair)
  while try task.step() != .caughtUp {}
  for output in outputs { try output.sync() }
  return (try outputs.map { try recordBytes(of: $0) }, task.stateHash())
}
