// `millrace bench`: single figures of this build, as JSON. `make bench` puts each beside its twin.

import Codecs
import Core
import Events
import Feeds
import Foundation
import Log
import Processors
import Projections
import Web

extension Command {
  static let bench = Command(
    name: "bench", summary: "measure one figure and print it as JSON",
    positional: ["FIGURE"],
    options: [
      Option(name: "ticks", value: "N", help: "dump, fold, fill: how many (default 2000000)"),
      Option(
        name: "task", value: "TASK",
        help: "fold: whole (latest price, six intervals), paced (whole, emitting), peers (1m candles, last) or decode"),
      Option(name: "output", value: "FILE", help: "dump: where the ticks go, as rows of 40 bytes"),
      Option(name: "data", value: "DIR", help: "fold, append: the directory of the log to make"),
      Option(name: "seconds", value: "S", help: "append: how long (default 5)"),
      Option(name: "port", value: "P", help: "fanout: where the clients connect"),
      Option(name: "clients", value: "N", help: "fanout: how many to wait for"),
      Option(name: "messages", value: "M", help: "fanout: messages in a flush"),
      Option(name: "payload", value: "BYTES", help: "of each message or record (default 200; commit, stream: 128)"),
      Option(name: "producers", value: "N", help: "commit: with one record in flight each (default 64)"),
      Option(name: "records", value: "N", help: "stream: how many (default 5000000)"),
      Option(name: "batch", value: "N", help: "stream: records in a batch (default 512)"),
      Option(name: "keys", value: "N", help: "restore: how many (default 1000000)"),
      Option(name: "gigabytes", value: "N", help: "open: size of the log (default 20)"),
      Option(name: "log", value: "kafka:HOST:PORT", help: "fill, consume: the cluster"),
    ],
    details: """
      Figures: dump, fold, append and fanout; and of the log alone commit (acknowledged appends), stream (appends
      without a sync), replay, restore (a checkpoint), open (made on the first call, measured on later ones). On Apache
      Kafka: fill (appends the ticks) and consume (reads them through the port).
      The market is synthetic, of one seed: 1,000 instruments, 5 sources, 5,000 ticks a second of event time.
      `fold` makes its log on the first call and reads it from the page cache on later ones.
      """
  ) { arguments in
    switch arguments.positional[0] {
    case "dump": return try BenchMarket.dump(arguments)
    case "fold": return try FoldFigure(arguments).run()
    case "append": return try AppendFigure(arguments).run()
    case "fanout": return try fanOut(arguments)
    case "commit": return try LogFigures(arguments).commit()
    case "stream": return try LogFigures(arguments).stream()
    case "replay": return try LogFigures(arguments).replay()
    case "restore": return try LogFigures(arguments).restore()
    case "open": return try LogFigures(arguments).open()
    case "fill": return try KafkaFigures(arguments).fill()
    case "consume": return try KafkaFigures(arguments).consume()
    case let other: throw CommandFailure(code: .usage, message: "bench \(other): there is no such figure")
    }
  }

  private static func fanOut(_ arguments: Arguments) throws -> ExitCode {
    let stop = StopSignal()
    let result = try FanOutBench.run(
      port: UInt16(clamping: try arguments.number("port", default: 9000)),
      clients: try arguments.number("clients", default: 1000), messages: try arguments.number("messages", default: 1),
      payloadBytes: try arguments.number("payload", default: 200)
    ) { stop.isRequested }
    let deliveries = Double(result.deliveries)
    Console.print(
      "{\"seconds\":\(result.seconds),\"cpuSeconds\":\(result.cpuSeconds),\"deliveries\":\(result.deliveries),"
        + "\"deliveriesPerSecond\":\(Int(deliveries / max(result.seconds, 0.001))),"
        + "\"deliveriesPerCPUSecond\":\(Int(deliveries / max(result.cpuSeconds, 0.001))),"
        + "\"writes\":\(result.writes),\"blockedWrites\":\(result.blockedWrites)}\n")
    return .success
  }
}

extension Arguments {
  func number(_ name: String, default standard: Int) throws -> Int {
    guard let text = self[name] else { return standard }
    guard let number = Int(text), (1...1_000_000_000).contains(number) else {
      throw CommandFailure(code: .usage, message: "--\(name) \(text): it must be a whole number from 1")
    }
    return number
  }

  func required(_ name: String) throws -> String {
    guard let text = self[name] else { throw CommandFailure(code: .usage, message: "--\(name) is needed") }
    return text
  }
}

/// The ticks that all figures are about.
enum BenchMarket {
  static let start = Timestamp(nanos: 1_760_000_000_000_000_000)
  static let ticksPerSecond = 5000

  /// Sends `count` ticks, and then the clock that closes every window.
  static func play<Sink: TickSink>(_ count: Int, into sink: Sink) {
    var configuration = SyntheticConfiguration()
    configuration.instruments = 1000
    configuration.ticksPerSecond = ticksPerSecond
    let feed = SyntheticFeed(
      configuration.faultless, pace: .history(start: start, ticksPerSecond: ticksPerSecond, count: count),
      clock: SystemClock(), sink: sink)
    feed.start()
    feed.wait()
    let end = start.nanos + Int64(count / ticksPerSecond + 3 * 86_400) * 1_000_000_000
    sink.send(
      [Tick(kind: .clock, instrument: "", source: "clock", eventTime: Timestamp(nanos: end))], completion: nil)
  }

  /// Writes the ticks as rows of 40 bytes, little-endian: time ns, price and volume at scale 8 (8 bytes each),
  /// instrument and source (4 bytes each), 8 bytes of nothing.
  static func dump(_ arguments: Arguments) throws -> ExitCode {
    let path = try arguments.required("output")
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
    else { throw CommandFailure(code: .inputOutput, message: "cannot write \(path)") }
    let count = try arguments.number("ticks", default: 2_000_000)
    let sink = DumpSink(file)
    play(count, into: sink)
    try file.close()
    Console.print("{\"ticks\":\(sink.rows)}\n")
    return .success
  }
}

/// Writes ticks to a file; used by one thread at a time, the feed's and then the caller's.
private final class DumpSink: TickSink, @unchecked Sendable {  // Sendable: the feed's thread has ended before `rows`.
  private let file: FileHandle
  private var instruments: [String: Int32] = [:]
  private var sources: [String: Int32] = [:]
  private(set) var rows = 0

  init(_ file: FileHandle) { self.file = file }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    var writer = ByteWriter(capacity: ticks.count * 40)
    for tick in ticks where tick.kind == .trade || tick.kind == .quote {
      writer.append(littleEndian: tick.eventTime.nanos)
      writer.append(littleEndian: Int64(truncatingIfNeeded: tick.price.raw / 10_000_000_000))
      writer.append(littleEndian: Int64(truncatingIfNeeded: tick.volume.raw / 10_000_000_000))
      writer.append(littleEndian: Self.index(tick.instrument, &instruments))
      writer.append(littleEndian: Self.index(tick.source, &sources))
      writer.append(littleEndian: Int64(0))
      rows += 1
    }
    file.write(Data(writer.copy()))
    completion?(nil)
  }

  private static func index(_ name: String, _ table: inout [String: Int32]) -> Int32 {
    if let known = table[name] { return known }
    let index = Int32(table.count)
    table[name] = index
    return index
  }
}
