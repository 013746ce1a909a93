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

/// Everything that `millrace run` runs in one process.
final class Runtime<Source: FoldingLog>: Sendable {
  typealias Sink = StatusSink<TickProducer<Source, SystemClock>, Source.Partition>

  private let log: Source
  private let topology: Topology
  private let logger: Logger
  private let clock = SystemClock()
  private let sink: Sink
  private let folds: FoldTeam<Source>
  private let streams: StreamServer<Source>
  private let edge: EdgeServer<Source, Sink>
  private let seconds = Mutex<NamedThread?>(nil)
  private let feeds = Mutex<[FeedRunner]>([])
  private let isStopping = Atomic<Bool>(false)
  /// Feeds that still say what time it is. Once there is none, the seconds are those of the wall clock.
  private let runningFeeds: Atomic<Int>

  /// Creates what topics are missing. Nothing runs yet but the log's own threads. `stop` closes the log.
  init(
    _ log: Source, _ topology: Topology, schemaIDs: [Topic: UInt32], logger: Logger
  ) throws(RuntimeError) {
    self.log = log
    self.topology = topology
    self.logger = logger
    runningFeeds = Atomic(topology.feeds.count)
    let metrics = Metrics()
    do throws(LogError) {
      for topic in Topic.all { try log.createTopic(topology.settings(of: topic)) }
      let producer = try TickProducer(log: log, partitions: topology.log.partitions, clock: clock)
      sink = StatusSink(producer, statuses: try log.partition(Topic.sourceStatus.name, 0), clock: clock)
      folds = try FoldTeam(log: log, topology: topology, logger: logger)
    } catch {
      throw .log(error)
    }
    do throws(StreamServerError) {
      streams = try StreamServer(log: log, metrics: metrics)
    } catch {
      throw .edge("\(error)")
    }
    var configuration = try Self.edgeConfiguration(topology, metrics, logger, log, folds, streams)
    configuration.schemaIDs = schemaIDs
    edge = EdgeServer(log: log, sink: sink, configuration: configuration, streams: streams)
    addMetrics(metrics)
  }

  private static func edgeConfiguration(
    _ topology: Topology, _ metrics: Metrics, _ logger: Logger, _ log: Source, _ folds: FoldTeam<Source>,
    _ streams: StreamServer<Source>
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
    configuration.servesOperationsOnly = !topology.roles.contains(.edge)
    configuration.readinessChecks = [(name: "log", reason: { log.unreadiness })]
    configuration.readinessChecks += folds.runners.map { fold in
      (name: "fold-\(fold.index)", reason: { fold.unreadiness })
    }
    if topology.roles.contains(.edge) {
      configuration.readinessChecks.append(
        (name: "streams", reason: { streams.isReady ? nil : "going through the history" }))
    }
    return configuration
  }

  private func addMetrics(_ metrics: Metrics) {
    metrics.registerProcess()
    metrics.gauge("millrace_log_reachable", help: "1 while the log answers; 0: see /readyz for the reason.") { [log] in
      log.unreadiness == nil ? 1 : 0
    }
    for task in folds.runners {
      let labels: KeyValuePairs = ["partition": "\(task.index)"]
      metrics.counter("millrace_fold_records_total", help: "Input records folded since the start.", labels: labels) {
        Double(task.records)
      }
      metrics.gauge("millrace_fold_lag_records", help: "Durable input records not folded yet.", labels: labels) {
        Double(task.lag)
      }
      metrics.gauge(
        "millrace_fold_silent_records",
        help: "Committed input records that a fold has yet to go through, with no output, before it goes on.",
        labels: labels
      ) {
        Double(task.silentRecords)
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
    try startFolds()
    if topology.roles.contains(.edge) { streams.start() }
    let port: UInt16
    do throws(EdgeError) {
      port = try edge.start()
    } catch {
      throw .edge("cannot listen on \(topology.edge.host):\(topology.edge.port): \(error)")
    }
    if topology.roles.contains(.feeds) { startFeeds(onFeedEnd) }
    seconds.withLock { $0 = NamedThread("seconds") { [self] in countSeconds() } }
    return port
  }

  private func startFolds() throws(RuntimeError) {
    guard topology.roles.contains(.processors) else { return }
    switch topology.share {
    case .all: folds.start(Array(folds.runners.indices))
    case .some(let indexes): folds.start(indexes)
    case .dealt:
      do throws(LogError) {
        try log.deal(start: { [folds] in folds.start($0) }, stop: { [folds] in folds.stop() })
      } catch {
        throw .log(error)
      }
    }
    guard Source.cutsDerivedTopics else { return }
    streams.setRegenerating(true)
    // Once this is over, derived partitions only grow, as their readers expect.
    if let reason = folds.waitUntilRecovered() { throw .fold(reason) }
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
      log.reportMaintenance(to: logger)
      if folds.isReady { streams.setRegenerating(false) }
      if topology.roles.contains(.feeds), runningFeeds.load(ordering: .acquiring) == 0 {
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
    folds.stop()
    seconds.withLock { $0 }?.join()
    log.close()
  }
}
