// What goes wrong where nobody waits for an answer: retention and compaction between the appends.

internal import Synchronization

/// Work on a partition that could not be done. It is tried again when it is due the next time.
package struct MaintenanceFailure: Equatable, Sendable {
  package enum Work: String, Sendable {
    case retention
    case compaction
  }

  package var work: Work
  /// Such as `prices.latest.v1-0`.
  package var partition: String
  package var error: LogError

  package init(work: Work, partition: String, error: LogError) {
    self.work = work
    self.partition = partition
    self.error = error
  }
}

/// Keeps the newest failure of each partition until somebody takes it. Safe to use from any thread.
final class MaintenanceFailures: Sendable {
  private struct Place: Hashable {
    var work: MaintenanceFailure.Work
    var partition: String
  }
  private struct Entry {
    var error: LogError
    var isTaken = false
  }

  private let entries = Mutex<[Place: Entry]>([:])

  /// Takes note of how `work` ended. What fails again as before is told once; nil makes an end of it.
  func note(_ work: MaintenanceFailure.Work, of partition: some PartitionLog, _ error: LogError?) {
    let place = Place(work: work, partition: "\(partition.topic)-\(partition.index)")
    entries.withLock { entries in
      guard let error, error != .closed else { return entries[place] = nil }
      if entries[place]?.error != error { entries[place] = Entry(error: error) }
    }
  }

  /// Those that were not taken before, by partition.
  func take() -> [MaintenanceFailure] {
    entries.withLock { entries in
      let untaken = entries.filter { !$0.value.isTaken }
      for place in untaken.keys { entries[place]?.isTaken = true }
      return untaken.map { MaintenanceFailure(work: $0.work, partition: $0.partition, error: $1.error) }
    }.sorted { ($0.partition, $0.work.rawValue) < ($1.partition, $1.work.rawValue) }
  }
}
