// How the folds run on each kind of log.

import Core
import Events
import Log
import LogKafka
import Processors

/// A log that the price folds can run on.
protocol FoldingLog: EventLog {
  /// Whether recovery cuts derived partitions back: then their readers wait for it, and what is amiss at the start is
  /// told at the start.
  static var cutsDerivedTopics: Bool { get }
  /// Why the log takes no appends, or cannot be reached; nil if all is well.
  var unreadiness: String? { get }
  /// Says what failed in the background since the last call.
  func reportMaintenance(to logger: Logger)

  /// A task that has found its place, which may take as long as `goesOn` says, who is told how far it is; otherwise the
  /// error is `.closed`.
  func makeTask<Store: CheckpointStore>(
    _ parts: PriceTopics<Partition>, _ store: Store, _ topology: Topology, _ mode: RecoveryMode,
    while goesOn: (SilentFold) -> Bool
  ) throws(ProcessorError) -> any FoldTask

  /// Has partitions of the ticks dealt out among processes: `start` is told those that this one has from now on, `stop`
  /// that it has none.
  func deal(start: @escaping @Sendable ([Int]) -> Void, stop: @escaping @Sendable () -> Void) throws(LogError)

  /// Whether a new task may come past `error`.
  func mayGoOn(after error: ProcessorError) -> Bool
}

extension SegmentedLog: FoldingLog {
  static var cutsDerivedTopics: Bool { true }
  var unreadiness: String? { failure.map { "\($0)" } }

  func reportMaintenance(to logger: Logger) {
    for failure in takeMaintenanceFailures() {
      logger.warning(
        "log maintenance failed",
        ["work": failure.work.rawValue, "partition": failure.partition, "reason": "\(failure.error)"])
    }
  }

  func makeTask<Store: CheckpointStore>(
    _ parts: PriceTopics<Partition>, _ store: Store, _ topology: Topology, _ mode: RecoveryMode,
    while goesOn: (SilentFold) -> Bool
  ) throws(ProcessorError) -> any FoldTask {
    try ProcessorTask(
      input: parts.input, outputs: parts.outputs, store: store, settings: topology.taskSettings, mode: mode
    ) { topology.makeFold() }
  }

  func deal(start: @escaping @Sendable ([Int]) -> Void, stop: @escaping @Sendable () -> Void) throws(LogError) {
    throw .refused("the embedded log has one process: there is nobody to deal partitions out to")
  }

  func mayGoOn(after error: ProcessorError) -> Bool { error.isPassing }
}

extension KafkaLog: FoldingLog {
  static var cutsDerivedTopics: Bool { false }

  /// The brokers see to that.
  func reportMaintenance(to logger: Logger) {}

  func makeTask<Store: CheckpointStore>(
    _ parts: PriceTopics<Partition>, _ store: Store, _ topology: Topology, _ mode: RecoveryMode,
    while goesOn: (SilentFold) -> Bool
  ) throws(ProcessorError) -> any FoldTask {
    try TransactionalTask(
      input: parts.input, outputs: parts.outputs,
      writer: transactions(input: parts.input, outputs: parts.outputs), store: store, settings: topology.taskSettings,
      makeProcessor: { topology.makeFold() }, while: goesOn)
  }

  func deal(start: @escaping @Sendable ([Int]) -> Void, stop: @escaping @Sendable () -> Void) throws(LogError) {
    try join(topic: Topic.ticks.name, GroupCallbacks(assigned: start, revoked: { _ in stop() }))
  }

  /// Among members of a group the one that is shut out may be given the partition again.
  func mayGoOn(after error: ProcessorError) -> Bool {
    if case .log(.fenced) = error { return isMember }
    return error.isPassing
  }
}
