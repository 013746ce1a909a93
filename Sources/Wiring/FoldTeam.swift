// The folds of this process: of all partitions, of those it was told, or of those that a group deals to it.

import Core
import Log
import Synchronization

/// A runner for each partition of the ticks, of which some run. Starting and stopping may come from any thread, one at
/// a time.
final class FoldTeam<Source: FoldingLog>: Sendable {
  let runners: [TaskRunner<Source>]
  private let threads = Mutex<[Int: NamedThread]>([:])

  init(log: Source, topology: Topology, logger: Logger) throws(LogError) {
    var runners: [TaskRunner<Source>] = []
    for index in 0..<topology.log.partitions {
      runners.append(try TaskRunner(log: log, index: index, topology: topology, logger: logger))
    }
    self.runners = runners
  }

  /// Starts the folds of `indexes` that do not run yet. Partitions that the topology does not know are none of ours.
  func start(_ indexes: [Int]) {
    threads.withLock { threads in
      for index in indexes where runners.indices.contains(index) && threads[index] == nil {
        threads[index] = runners[index].start()
      }
    }
  }

  /// Ends all folds, each at a moment that it can go on from.
  func stop() {
    let ended = threads.withLock { threads in
      defer { threads = [:] }
      return threads
    }
    for index in ended.keys { runners[index].requestStop() }
    for thread in ended.values { thread.join() }
  }

  /// Blocks until the derived partitions only grow. Why a fold cannot run, or nil.
  func waitUntilRecovered() -> String? {
    for runner in runners { if let reason = runner.waitUntilRecovered() { return reason } }
    return nil
  }

  var isReady: Bool { runners.allSatisfy { $0.unreadiness == nil } }
}
