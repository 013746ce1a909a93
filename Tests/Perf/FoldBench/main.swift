// The fold rate from the embedded log, on one core.
//
//     fold-bench <ticks> <instruments> <sources> <whole|latest|candles|minute|decode> [paced] [plain] [checkpoints]
//
// The log is made once in /tmp/millrace-fold-bench and read from the page cache; the derived topics are made anew.
import CPlatform
import Codecs
import Events
import Glibc
import Log
import Processors
import Projections

func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

let arguments = CommandLine.arguments
let ticks = arguments.count > 1 ? Int(arguments[1]) ?? 0 : 5_000_000
let instruments = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 1000
let sources = arguments.count > 3 ? Int(arguments[3]) ?? 0 : 5
let mode = arguments.count > 4 ? arguments[4] : "whole"
let isPaced = arguments.contains("paced")
let directory = "/tmp/millrace-fold-bench/\(ticks)-\(instruments)-\(sources)-\(isPaced)"

/// Five ticks a second and instrument of event time; appended at that pace, or all at 2 million a second.
func fill(_ input: EmbeddedPartition) throws {
  var state: UInt64 = 1
  func random() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }
  let names = ["binance", "coinbase", "kraken", "kucoin", "okx", "huobi", "coingecko", "venue8"]
  var prices = (0..<instruments).map { Int128(1000 + $0 * 37) * 100_000_000_000_000_000 }
  let keys = (0..<instruments).map { "SYM\($0)/USD" }
  let step = Int64(1_000_000_000 / (5 * instruments))
  var event: Int64 = 1_700_000_000_000_000_000
  var nextClock = event
  // A dense load comes after the fact, two million ticks a second.
  let end = event + Int64(ticks) * step
  var writer = RecordBatchWriter()
  var scratch = ByteWriter()
  for index in 0..<ticks {
    event += step
    let appended = isPaced ? event : end + Int64(index) * 500
    if event >= nextClock {
      nextClock += 1_000_000_000
      let clock = Tick(kind: .clock, instrument: "", source: "", eventTime: Timestamp(nanos: event))
      writer.append(clock, appendTime: Timestamp(nanos: appended), scratch: &scratch)
    }
    let instrument = Int(random()) % instruments
    prices[instrument] += Int128(Int(random() % 201) - 100) * 10_000_000_000_000_000
    prices[instrument] = max(prices[instrument], 10_000_000_000_000_000)
    let tick = Tick(
      kind: .trade, instrument: keys[instrument], source: names[Int(random()) % sources],
      price: Price(raw: prices[instrument]), volume: Quantity(raw: Int128(random() % 1_000_000) * 1_000_000_000_000),
      side: .buy, eventTime: Timestamp(nanos: event))
    writer.append(tick, appendTime: Timestamp(nanos: appended), scratch: &scratch)
    if writer.recordCount >= 4096 { try input.append(writer.finish(), completion: nil) }
  }
  if writer.recordCount > 0 { try input.append(writer.finish(), completion: nil) }
  try input.sync()
}

func run<Fold: Processor & ~Copyable>(_ log: EmbeddedLog, _ make: () -> Fold) throws {
  let topics = make().topics.map(\.name) + [Topic.deadTicks.name]
  var outputs: [EmbeddedPartition] = []
  for topic in topics {
    try log.createTopic(TopicSettings(name: topic, isDerived: true))
    outputs.append(try log.partition(topic, 0))
  }
  for round in 1...3 {
    for output in outputs { try output.truncate(to: 0) }
    let store = try CheckpointDirectory("\(directory)/checkpoints-\(mode)")
    for name in try store.names() { try store.remove(name) }
    let input = try log.partition(Topic.ticks.name, 0)
    var settings = TaskSettings()
    settings.checkpointRecords = arguments.contains("checkpoints") ? 2_000_000 : .max
    if arguments.contains("plain") { settings.compression = .none }
    let task = try ProcessorTask(input: input, outputs: outputs, store: store, settings: settings, makeProcessor: make)
    let start = now()
    var steps = 0
    var before = mallinfo2()
    while try task.step() != .caughtUp {
      steps += 1
      if steps == 20 { before = mallinfo2() }
    }
    let elapsed = now() - start
    for output in outputs { try output.sync() }
    let records = outputs.map { "\($0.topic) \($0.highWatermark)" }.joined(separator: ", ")
    let rate = Int(Double(task.position) / elapsed / 1e4)
    let cost = Int(elapsed / Double(task.position) * 1e10)
    let grown = (Int(mallinfo2().uordblks) - Int(before.uordblks)) / 1024
    print("round \(round): \(rate / 100).\(rate % 100) M ticks/s, \(cost / 10).\(cost % 10) ns/tick, heap +\(grown) KB")
    print("  \(records)")
  }
}

_ = mkdir("/tmp/millrace-fold-bench", 0o755)
let log = try EmbeddedLog.open(directory: directory)
try log.createTopic(TopicSettings(name: Topic.ticks.name))
let input = try log.partition(Topic.ticks.name, 0)
if input.highWatermark == 0 { try fill(input) }
switch mode {
case "latest": try run(log) { LatestPriceProcessor() }
case "candles": try run(log) { CandleProcessor() }
case "minute": try run(log) { CandleProcessor(CandleSettings(intervals: [.oneMinute])) }
case "decode":
  var buffer = ByteWriter(capacity: 2 << 20)
  var batch = TickBatch()
  for _ in 0..<3 {
    let start = now()
    var position: Int64 = 0
    while try input.read(from: position, maxBytes: 1 << 20, into: &buffer) {
      var place = 0
      while place < buffer.count {
        let header = try batch.decode(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: true)
        place += header.byteCount
        position = header.lastOffset + 1
      }
      buffer.removeAll()
    }
    print("decode: \(Double(Int((now() - start) / Double(position) * 1e10)) / 10) ns/tick")
  }
default:
  try run(log) { ProcessorPair(LatestPriceProcessor(), CandleProcessor()) }
}
log.close()
