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
final class TaskRunner<Source: FoldingLog>: Sendable {
  enum Phase: Equatable, Sendable {
    /// Another process folds this partition, or nobody does yet.
    case idle
    case recovering
    case folding
    /// For what passes, such as a full disk; it goes on by itself.
    case waiting(String)
    case failed(String)
  }

  private struct State: Sendable {
    var phase = Phase.idle
    var position: Int64 = 0
    var records: Int64 = 0
    /// The input's end when the fold started.
    var inputEnd: Int64 = 0
    /// While a task goes through what is committed already.
    var silent: SilentFold?
    var isStopRequested = false
  }

  let index: Int
  private let log: Source
  private let parts: PriceTopics<Source.Partition>
  private let topology: Topology
  private let logger: Logger
  private let clock = SystemClock()
  private let state = Monitor(State())

  init(log: Source, index: Int, topology: Topology, logger: Logger) throws(LogError) {
    self.index = index
    self.log = log
    self.topology = topology
    self.logger = logger
    parts = try PriceTopics(log, index)
    // Until the task has found its place, retention may not take what it would go on from.
    parts.input.release(below: parts.input.startOffset)
  }

  /// Starts the thread and returns it. The one before, if there was one, has ended.
  func start() -> NamedThread {
    let end = parts.input.highWatermark
    state.withLock { state in
      state.phase = .recovering
      state.inputEnd = end
      state.isStopRequested = false
    }
    return NamedThread("fold-\(index)") { [self] in run() }
  }

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
  /// Input records that are committed already and that this fold has yet to go through to have their state.
  var silentRecords: Int64 { state.withLock { state in state.silent.map { $0.end - $0.position } ?? 0 } }
  /// Input records that are not folded yet.
  var lag: Int64 { isHere ? max(0, parts.input.highWatermark - position) : 0 }
  private var isHere: Bool { phase != .idle }

  var isWaiting: Bool { if case .waiting = phase { true } else { false } }

  /// Why the fold has not yet taken in what the log held when this process started, or nil.
  var unreadiness: String? {
    state.withLock { state in
      switch state.phase {
      case .idle: return nil
      case .recovering:
        guard let silent = state.silent else { return "recovering" }
        return "recovering: folded \(silent.position) of \(silent.end) records that are committed already"
      case .waiting(let reason): return "waiting: \(reason)"
      case .failed(let reason): return reason
      case .folding:
        return state.position < state.inputEnd ? "folded \(state.position) of \(state.inputEnd) records" : nil
      }
    }
  }

  /// Blocks until recovery is over; then the derived partitions only grow. Nil, or why the task cannot run.
  func waitUntilRecovered() -> String? {
    state.wait { state in
      switch state.phase {
      case .recovering: nil
      case .failed(let reason): .some(reason)
      case .idle, .folding, .waiting: .some(nil)
      }
    }
  }

  /// Makes tasks until one comes to an orderly end, or to an error that does not pass. Readers see the derived
  /// partitions once the first task has found its place: those after it recover in place.
  private func run() {
    var mode = RecoveryMode.cutting
    var pauseNanos = Limits.foldPauseNanosMin
    while let error = attempt(mode) {
      let isTooEarly = Source.cutsDerivedTopics && phase == .recovering
      guard log.mayGoOn(after: error), !isTooEarly, !isStopRequested else {
        logger.error("fold stopped", ["partition": "\(index)", "reason": "\(error)"])
        return enter(.failed("\(error)"))
      }
      if !isWaiting {
        logger.warning("fold waits", ["partition": "\(index)", "reason": "\(error)"])
        pauseNanos = Limits.foldPauseNanosMin
      }
      mode = .inPlace
      enter(.waiting("\(error)"))
      if state.wait(timeoutNanos: pauseNanos, { $0.isStopRequested ? true : nil }) != nil { break }
      pauseNanos = min(2 * pauseNanos, Limits.foldPauseNanosMax)
    }
    enter(.idle)
  }

  /// Runs one task. Nil if it was told to stop.
  private func attempt(_ mode: RecoveryMode) -> ProcessorError? {
    do throws(ProcessorError) {
      let directory = topology.checkpointDirectory(index)
      let store = try onLog { () throws(LogError) in try CheckpointDirectory(directory) }
      let task = try makeTask(store, mode)
      defer { task.close() }
      if mode == .cutting {
        advance(to: task.position)
        goOn(after: task.recovery)
      }
      try fold(task)
      return nil
    } catch {
      return isStopRequested && error == .log(.closed) ? nil : error
    }
  }

  private func makeTask<Store: CheckpointStore>(
    _ store: Store, _ mode: RecoveryMode
  ) throws(ProcessorError) -> any FoldTask {
    defer { state.withLock { $0.silent = nil } }
    return try log.makeTask(parts, store, topology, mode) { silent in
      report(silent)
      return !isStopRequested
    }
  }

  /// Folds until stop is requested.
  private func fold(_ task: any FoldTask) throws(ProcessorError) {
    var commitNanos = clock.monotonicNanos()
    while true {
      let generation = log.generation
      let result = try task.step()
      let isStopping = isStopRequested
      // All that is there, or as much of it as readers may have to wait for.
      if result == .caughtUp || isStopping || clock.monotonicNanos() - commitNanos > Limits.foldCommitNanos {
        try task.commit()
        commitNanos = clock.monotonicNanos()
      }
      if phase != .folding, result == .caughtUp || task.position > position {
        // Past what the task before had come to. That there is space again is known once all of it is on disk.
        try task.checkpointNow()
        goOn(after: task.recovery)
      }
      advance(to: task.position)
      if isStopping { return try task.checkpointNow() }
      if result == .caughtUp { _ = log.waitForChange(after: generation, timeoutNanos: Limits.stopCheckNanos) }
    }
  }

  /// Takes note of a position; one before what was folded already changes nothing.
  private func advance(to position: Int64) {
    state.withLock { state in
      if state.phase != .recovering { state.records += max(0, position - state.position) }
      state.position = max(state.position, position)
    }
  }

  private func enter(_ phase: Phase) {
    state.withLock { $0.phase = phase }
    state.broadcast()
  }

  /// Says once that a fold begins which puts nothing out, and keeps how far it is.
  private func report(_ silent: SilentFold) {
    state.withLock { state in
      state.silent = silent
      if state.phase == .recovering { state.position = max(state.position, silent.position) }
    }
    guard silent.position == silent.start else { return }
    logger.info(
      "fold goes silently through what is committed",
      [
        "partition": "\(index)", "from": silent.outcome == .continued ? "a checkpoint" : "the beginning",
        "position": "\(silent.start)", "records": "\(silent.end - silent.start)",
      ])
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
