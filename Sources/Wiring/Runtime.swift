// The running system: log, folds, edge and feeds, started in the order of the data and stopped in the order of loss.

import Core
import Events
import Feeds
import Log
import Synchronization
import Web

/// Why the system cannot start; the command turns it into a message and an exit status.
enum RuntimeError: Error {
  case log(LogError)
  case fold(String)
  case edge(String)
}

/// Everything that `millrace run` runs in one process, on the embedded log.
final class Runtime: Sendable {
  typealias Sink = StatusSink<TickProducer<EmbeddedLog, SystemClock>, EmbeddedPartition>

  let log: EmbeddedLog
  private let topology: Topology
  private let logger: Logger
  private let clock = SystemClock()
  private let sink: Sink
  private let tasks: [TaskRunner<EmbeddedLog>]
  private let streams: StreamServer<EmbeddedLog>
  private let edge: EdgeServer<EmbeddedLog, Sink>
  private let threads = Mutex<[NamedThread]>([])
  private let feeds = Mutex<[FeedRunner]>([])
  private let isStopping = Atomic<Bool>(false)
  /// Feeds that still say what time it is. Once there is none, the seconds are those of the wall clock.
  private let runningFeeds: Atomic<Int>

  /// Opens the log and creates what is missing. Nothing runs yet but the log's own thread.
  init(_ topology: Topology, logger: Logger) throws(RuntimeError) {
    self.topology = topology
    self.logger = logger
    runningFeeds = Atomic(topology.feeds.count)
    let metrics = Metrics()
    do throws(LogError) {
      var options = LogOptions()
      options.segmentBytes = Int64(topology.log.segmentBytes)
      options.reserveBytes = Limits.logReserveBytes
      log = try EmbeddedLog.open(directory: topology.log.directory, options: options, files: PosixFiles())
      for topic in Topic.all { try log.createTopic(topology.settings(of: topic)) }
      let producer = try TickProducer(log: log, partitions: topology.log.partitions, clock: clock)
      sink = StatusSink(producer, statuses: try log.partition(Topic.sourceStatus.name, 0), clock: clock)
      var tasks: [TaskRunner<EmbeddedLog>] = []
      for index in 0..<topology.log.partitions {
        tasks.append(try TaskRunner(log: log, index: index, topology: topology, logger: logger))
      }
      self.tasks = tasks
    } catch {
      throw .log(error)
    }
    for cut in log.tailCuts { logger.warning("a torn tail was cut off", ["what": "\(cut)"]) }
    do throws(StreamServerError) {
      streams = try StreamServer(log: log, metrics: metrics)
    } catch {
      throw .edge("\(error)")
    }
    edge = EdgeServer(
      log: log, sink: sink,
      configuration: try Self.edgeConfiguration(topology, metrics, logger, log: log, tasks: tasks, streams: streams),
      streams: streams)
    addMetrics(metrics)
  }

  private static func edgeConfiguration(
    _ topology: Topology, _ metrics: Metrics, _ logger: Logger, log: EmbeddedLog, tasks: [TaskRunner<EmbeddedLog>],
    streams: StreamServer<EmbeddedLog>
  ) throws(RuntimeError) -> EdgeConfiguration {
    var configuration = EdgeConfiguration()
    configuration.host = topology.edge.host
    configuration.port = topology.edge.port
    configuration.allowedOrigins = topology.edge.allowedOrigins
    configuration.ingestInstruments = topology.instruments.isEmpty ? nil : topology.instruments
    configuration.version = Version.text
    configuration.metrics = metrics
    configuration.logger = logger
    if let file = topology.edge.ingestKeyFile { configuration.ingestKeys = [try IngestKey.read(file)] }
    configuration.readinessChecks = tasks.map { task in
      (name: "fold-\(task.index)", reason: { task.unreadiness })
    }
    configuration.readinessChecks.append((name: "log", reason: { log.failure.map { "\($0)" } }))
    configuration.readinessChecks.append(
      (name: "streams", reason: { streams.isReady ? nil : "going through the history" }))
    return configuration
  }

  private func addMetrics(_ metrics: Metrics) {
    for task in tasks {
      let labels: KeyValuePairs = ["partition": "\(task.index)"]
      metrics.counter("millrace_fold_records_total", help: "Input records folded since the start.", labels: labels) {
        Double(task.records)
      }
      metrics.gauge("millrace_fold_lag_records", help: "Durable input records not folded yet.", labels: labels) {
        Double(task.lag)
      }
      metrics.gauge(
        "millrace_fold_waiting", help: "1 while the fold waits for what has run out, such as space.", labels: labels
      ) {
        task.isWaiting ? 1 : 0
      }
    }
  }

  /// Recovers the folds, then listens, then starts the feeds. Returns the port.
  func start(onFeedEnd: @escaping @Sendable ([String]) -> Void) throws(RuntimeError) -> UInt16 {
    streams.setRegenerating(true)
    threads.withLock { $0 = tasks.map { $0.start() } }
    for task in tasks {
      // From here on derived partitions only grow, as their readers expect.
      if let reason = task.waitUntilRecovered() { throw .fold(reason) }
    }
    streams.start()
    let port: UInt16
    do throws(EdgeError) {
      port = try edge.start()
    } catch {
      throw .edge("cannot listen on \(topology.edge.host):\(topology.edge.port): \(error)")
    }
    startFeeds(onFeedEnd)
    threads.withLock { $0.append(NamedThread("seconds") { [self] in countSeconds() }) }
    return port
  }

  private func startFeeds(_ onEnd: @escaping @Sendable ([String]) -> Void) {
    let started = topology.feeds.map { feed in
      FeedRunner.start(feed, clock: clock, sink: sink) { [self] lines in
        runningFeeds.wrappingSubtract(1, ordering: .releasing)
        onEnd(lines)
      }
    }
    feeds.withLock { $0 = started }
  }

  /// What happens once a second: sources fall silent; where no feed does it, time passes for the folds.
  private func countSeconds() {
    let sink = sink
    var lastSecond = clock.wallNanos() / 1_000_000_000
    while !isStopping.load(ordering: .acquiring) {
      NamedThread.sleep(nanos: Limits.stopCheckNanos)
      let second = clock.wallNanos() / 1_000_000_000
      guard second > lastSecond else { continue }
      lastSecond = second
      sink.advance()
      for failure in log.takeMaintenanceFailures() {
        logger.warning(
          "log maintenance failed",
          ["work": failure.work.rawValue, "partition": failure.partition, "reason": "\(failure.error)"])
      }
      if tasks.allSatisfy({ $0.unreadiness == nil }) { streams.setRegenerating(false) }
      if runningFeeds.load(ordering: .acquiring) == 0 {
        let time = Timestamp(nanos: second * 1_000_000_000)
        sink.send([Tick(kind: .clock, instrument: "", source: "clock", eventTime: time)], completion: nil)
      }
    }
  }

  /// Stops what brings in events first, then the edge, then the folds, which write a checkpoint; the log last.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    for feed in feeds.withLock({ $0 }) { feed.stop() }
    edge.stop(deadlineNanos: Limits.edgeStopNanos / 2)
    streams.stop(deadlineNanos: Limits.edgeStopNanos / 2)
    for task in tasks { task.requestStop() }
    let running = threads.withLock { threads -> [NamedThread] in
      defer { threads = [] }
      return threads
    }
    for thread in running { thread.join() }
    log.close()
  }
}
