// A processor task on a thread of its own.

import Core
import Events
import Log
import Processors
import Projections

/// The folds of one partition: latest price and candles share one decoding.
typealias PriceFold = ProcessorPair<LatestPriceProcessor, CandleProcessor>

/// Runs the task of one input partition: recovers, then folds what the log has, until told to stop. The task lives on
/// its thread alone; others see the phase and the position.
final class TaskRunner<Source: EventLog>: Sendable {
  enum Phase: Equatable, Sendable {
    case recovering
    case folding
    case failed(String)
    case stopped
  }

  private struct State: Sendable {
    var phase = Phase.recovering
    var position: Int64 = 0
    var records: Int64 = 0
    var isStopRequested = false
  }

  let index: Int
  private let log: Source
  private let parts: PriceTopics<Source.Partition>
  /// The input's end when this process started.
  private let inputEnd: Int64
  private let topology: Topology
  private let logger: Logger
  private let state = Monitor(State())

  init(log: Source, index: Int, topology: Topology, logger: Logger) throws(LogError) {
    self.index = index
    self.log = log
    self.topology = topology
    self.logger = logger
    parts = try PriceTopics(log, index)
    inputEnd = parts.input.highWatermark
    // Until the task has found its place, retention may not take what it would go on from.
    parts.input.release(below: parts.input.startOffset)
  }

  /// Starts the thread and returns it.
  func start() -> NamedThread { NamedThread("fold-\(index)") { [self] in run() } }

  func requestStop() { state.withLock { $0.isStopRequested = true } }

  var phase: Phase { state.withLock { $0.phase } }
  var position: Int64 { state.withLock { $0.position } }
  /// Input records folded since the start.
  var records: Int64 { state.withLock { $0.records } }
  /// Input records that are not folded yet.
  var lag: Int64 { max(0, parts.input.highWatermark - position) }

  /// Why the fold has not yet taken in what the log held when this process started, or nil.
  var unreadiness: String? {
    state.withLock { state in
      switch state.phase {
      case .recovering: return "recovering"
      case .failed(let reason): return reason
      case .stopped: return "stopped"
      case .folding: return state.position < inputEnd ? "folded \(state.position) of \(inputEnd) records" : nil
      }
    }
  }

  /// Blocks until recovery is over; then the derived partitions only grow. Nil, or why the task cannot run.
  func waitUntilRecovered() -> String? {
    state.wait { state in
      switch state.phase {
      case .recovering: nil
      case .failed(let reason): .some(reason)
      case .folding, .stopped: .some(nil)
      }
    }
  }

  private func run() {
    do throws(ProcessorError) {
      let directory = topology.checkpointDirectory(index)
      let store = try onLog { () throws(LogError) in try CheckpointDirectory(directory) }
      let task = try ProcessorTask(
        input: parts.input, outputs: parts.outputs, store: store, settings: topology.taskSettings
      ) { topology.makeFold() }
      report(task.recovery)
      enter(.folding, at: task.position)
      try fold(task)
      try task.checkpointNow()
      enter(.stopped, at: task.position)
    } catch {
      logger.error("fold stopped", ["partition": "\(index)", "reason": "\(error)"])
      enter(.failed("\(error)"), at: position)
    }
  }

  /// Folds until stop is requested.
  private func fold<Store: CheckpointStore>(
    _ task: ProcessorTask<Source.Partition, Store, PriceFold>
  ) throws(ProcessorError) {
    while true {
      let generation = log.generation
      switch try task.step() {
      case .progressed(let records):
        let position = task.position
        let isStopping = state.withLock { state in
          state.position = position
          state.records += Int64(records)
          return state.isStopRequested
        }
        if isStopping { return }
      case .caughtUp:
        if state.withLock({ $0.isStopRequested }) { return }
        _ = log.waitForChange(after: generation, timeoutNanos: Limits.stopCheckNanos)
      }
    }
  }

  private func enter(_ phase: Phase, at position: Int64) {
    state.withLock { state in
      state.phase = phase
      state.position = position
    }
    state.broadcast()
  }

  private func report(_ recovery: RecoveryReport) {
    for warning in recovery.warnings { logger.warning("checkpoint passed over", ["reason": warning]) }
    if recovery.outcome != .started {
      logger.info(
        "fold goes on",
        ["partition": "\(index)", "outcome": "\(recovery.outcome)", "position": "\(recovery.position)"])
    }
  }
}

extension Topology {
  /// How the tasks of the price topics run.
  var taskSettings: TaskSettings {
    var settings = TaskSettings()
    settings.checkpointRecords = checkpointEveryRecords
    return settings
  }

  /// A new fold of the price topics; all that are made of one topology are alike.
  func makeFold() -> PriceFold {
    let weights = Dictionary(latest.weights.map { ($0.source, $0.weight) }) { first, _ in first }
    return ProcessorPair(
      LatestPriceProcessor(
        LatestPriceSettings(
          weights: weights, defaultWeight: latest.unknownWeight,
          stalenessNanos: Int64(latest.stalenessSeconds) * 1_000_000_000,
          emitIntervalNanos: Int64(latest.emitIntervalMillis) * 1_000_000)),
      CandleProcessor(
        CandleSettings(
          intervals: candles.intervals, latenessNanos: Int64(candles.latenessSeconds) * 1_000_000_000,
          emitIntervalNanos: Int64(candles.emitIntervalMillis) * 1_000_000)))
  }
}
