// What the n-th failing call of a run leaves behind, for every n.

import Kit
import Log
import Synchronization

/// Runs the same thing again and again, each time over an empty directory, and fails one call later each time.
struct NthFailure {
  /// Whether the disk is said to be full, or to be broken.
  var isFull: Bool
  /// All calls from the n-th on fail, not only that one.
  var isLasting = false

  /// Calls `run` with the directory, the disk and what notes its progress, then `check` with what came of it, until a
  /// run has no n-th call that changes the disk. Errors of the log end a run and are no failure. Returns how many calls
  /// there were to fail, and the progress of the run in which none did.
  func forEachCall<Progress: Sendable>(
    from start: Progress, run: (String, FaultyFiles, (Progress) -> Void) throws -> Void,
    check: (String, Progress, String) throws -> Void
  ) throws -> (count: Int, unhindered: Progress) {
    var target = 0
    while true {
      target += 1
      let directory = TemporaryDirectory(in: fastDirectory)
      let disk = FailingDisk(target: target, isFull: isFull, isLasting: isLasting)
      var progress = start
      do { try run(directory.path, FaultyFiles(decide: disk.decide)) { progress = $0 } } catch is LogError {}
      try check(directory.path, progress, "call \(target)")
      if !disk.hasFailed { return (target - 1, progress) }
    }
  }
}

/// Counts the calls that change it.
private final class FailingDisk: Sendable {
  private let target: Int
  private let isLasting: Bool
  private let error: FileError
  private let count = Atomic(0)

  init(target: Int, isFull: Bool, isLasting: Bool) {
    self.target = target
    self.isLasting = isLasting
    error = isFull ? .full() : .inputOutput()
  }

  var hasFailed: Bool { count.load(ordering: .relaxed) >= target }

  @Sendable func decide(_ call: DiskCall) -> DiskFault? {
    guard call.kind.isChange else { return nil }
    let number = count.wrappingAdd(1, ordering: .relaxed).newValue
    return number == target || (isLasting && number > target) ? .failAfter(20, error) : nil
  }
}
