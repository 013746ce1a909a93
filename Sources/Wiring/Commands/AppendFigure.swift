// The rate of durable appends, for `millrace bench`.

import Codecs
import Core
import Events
import Feeds
import Foundation
import Log
import Synchronization

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
