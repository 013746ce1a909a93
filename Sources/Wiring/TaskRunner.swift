// A processor task on a thread of its own.

import Core
import Events
import Log
import Processors
import Projections

/// The folds of one partition: latest price and candles share one decoding.
typealias PriceFold = ProcessorPair<LatestPriceProcessor, CandleProcessor>

/// Runs the task of one input partition: recovers, then folds what the log has, until told to stop; waits where
/// something has run out. The task lives on its thread alone; others see the phase and the position.
final class TaskRunner<Source: EventLog>: Sendable {
  enum Phase: Equatable, Sendable {
    case recovering
    case folding
    /// For what passes, such as a full disk; it goes on by itself.
    case waiting(String)
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

  func requestStop() {
    state.withLock { $0.isStopRequested = true }
    state.broadcast()
  }

  var phase: Phase { state.withLock { $0.phase } }
  private var isStopRequested: Bool { state.withLock { $0.isStopRequested } }
  /// Up to where the input was folded.
  var position: Int64 { state.withLock { $0.position } }
  /// Input records folded since the start.
  var records: Int64 { state.withLock { $0.records } }
  /// Input records that are not folded yet.
  var lag: Int64 { max(0, parts.input.highWatermark - position) }

  var isWaiting: Bool { if case .waiting = phase { true } else { false } }

  /// Why the fold has not yet taken in what the log held when this process started, or nil.
  var unreadiness: String? {
    state.withLock { state in
      switch state.phase {
      case .recovering: return "recovering"
      case .waiting(let reason): return "waiting: \(reason)"
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
      case .folding, .waiting, .stopped: .some(nil)
      }
    }
  }

  /// Makes tasks until one comes to an orderly end, or to an error that does not pass. Readers see the derived
  /// partitions once the first task has found its place: those after it recover in place.
  private func run() {
    var mode = RecoveryMode.cutting
    var pauseNanos = Limits.foldPauseNanosMin
    while let error = attempt(mode) {
      guard error.isPassing, phase != .recovering, !isStopRequested else {
        logger.error("fold stopped", ["partition": "\(index)", "reason": "\(error)"])
        return enter(.failed("\(error)"))
      }
      if phase == .folding {
        logger.warning("fold waits", ["partition": "\(index)", "reason": "\(error)"])
        pauseNanos = Limits.foldPauseNanosMin
      }
      mode = .inPlace
      enter(.waiting("\(error)"))
      if state.wait(timeoutNanos: pauseNanos, { $0.isStopRequested ? true : nil }) != nil { break }
      pauseNanos = min(2 * pauseNanos, Limits.foldPauseNanosMax)
    }
    enter(.stopped)
  }

  /// Runs one task. Nil if it was told to stop.
  private func attempt(_ mode: RecoveryMode) -> ProcessorError? {
    do throws(ProcessorError) {
      let directory = topology.checkpointDirectory(index)
      let store = try onLog { () throws(LogError) in try CheckpointDirectory(directory) }
      let task = try ProcessorTask(
        input: parts.input, outputs: parts.outputs, store: store, settings: topology.taskSettings, mode: mode
      ) { topology.makeFold() }
      if mode == .cutting {
        _ = advance(to: task.position)
        goOn(after: task.recovery)
      }
      try fold(task)
      try task.checkpointNow()
      return nil
    } catch {
      return error
    }
  }

  /// Folds until stop is requested.
  private func fold<Store: CheckpointStore>(
    _ task: ProcessorTask<Source.Partition, Store, PriceFold>
  ) throws(ProcessorError) {
    while true {
      let generation = log.generation
      let result = try task.step()
      if phase != .folding, result == .caughtUp || task.position > position {
        // Past what the task before had come to. That there is space again is known once all of it is on disk.
        try task.checkpointNow()
        goOn(after: task.recovery)
      }
      if advance(to: task.position) { return }
      if result == .caughtUp { _ = log.waitForChange(after: generation, timeoutNanos: Limits.stopCheckNanos) }
    }
  }

  /// Takes note of a position; one before what was folded already changes nothing. Returns whether to stop.
  private func advance(to position: Int64) -> Bool {
    state.withLock { state in
      if state.phase != .recovering { state.records += max(0, position - state.position) }
      state.position = max(state.position, position)
      return state.isStopRequested
    }
  }

  private func enter(_ phase: Phase) {
    state.withLock { $0.phase = phase }
    state.broadcast()
  }

  private func goOn(after recovery: RecoveryReport) {
    report(recovery)
    enter(.folding)
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
