// A log with ticks and a server over it.

import Codecs
import Core
import Events
import Kit
import Log

@testable import Web

/// The embedded log in a directory, and a stream server that can be stopped and started again.
final class StreamFixture: @unchecked Sendable {  // Sendable: `log` and `server` change only between uses.
  let directory = TemporaryDirectory()
  private(set) var log: EmbeddedLog
  private(set) var server: StreamServer<EmbeddedLog>
  let settings: StreamSettings
  private(set) var metrics = Metrics()

  init(
    partitions: Int = 1, settings: StreamSettings = StreamSettings(), options: LogOptions = LogOptions(),
    ticks: TopicPolicy = TopicPolicy()
  ) throws {
    self.settings = settings
    log = try EmbeddedLog.open(directory: directory.path, options: options)
    try log.createTopic(TopicSettings(name: Topic.ticks.name, partitions: partitions, policy: ticks))
    try log.createTopic(TopicSettings(name: Topic.candles.name, isDerived: true))
    server = try StreamServer(log: log, settings: settings, metrics: metrics)
  }

  deinit {
    server.stop()
    log.close()
  }

  /// Stops everything and opens the same directory again.
  func restart() throws {
    server.stop()
    log.close()
    log = try EmbeddedLog.open(directory: directory.path)
    metrics = Metrics()
    server = try StreamServer(log: log, settings: settings, metrics: metrics)
    server.start()
  }

  func connect(socketBytes: Int32? = nil) -> StreamTestClient {
    StreamTestClient(socketBytes: socketBytes) { server.adopt(descriptor: $0, initialBytes: $1) }
  }

  func count(_ name: String) -> Int {
    var writer = ByteWriter()
    metrics.appendExposition(to: &writer)
    for line in String(utf8: writer.bytes).split(separator: "\n") {
      let parts = line.split(separator: " ")
      if parts.first == "millrace_stream_\(name)" { return parts.last.flatMap { Int($0) } ?? -1 }
    }
    return -1
  }

  /// Appends one batch of ticks of these keys (nil: a clock) and waits until it is durable.
  func append(_ keys: [String?], partition: Int = 0, firstMillis: Int64 = 1_700_000_000_000) throws {
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    for (index, key) in keys.enumerated() {
      let time = Timestamp(millis: firstMillis + Int64(index))
      let tick = Tick(
        kind: key == nil ? .clock : .trade, instrument: key ?? "", source: key == nil ? "clock" : "kraken",
        price: Price(raw: Int128(index + 1) * 1_000_000_000_000_000_000), sequence: Int64(index), eventTime: time)
      writer.append(tick, appendTime: time, scratch: &scratch)
    }
    let partition = try log.partition(Topic.ticks.name, partition)
    try partition.append(writer.finish(), completion: nil)
    try partition.sync()
  }
}
