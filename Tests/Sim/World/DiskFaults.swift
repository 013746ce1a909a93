// What goes wrong with the simulated disk, apart from ends of the process and the power.

import Kit

/// Drawn for each call. What a seed does not switch on never happens, so that many runs see one kind of fault alone.
struct DiskFaults {
  enum Outcome {
    case succeeds, fails, isFull, crashes

    var code: Int {
      switch self {
      case .succeeds: 0
      case .fails: 1
      case .isFull: 2
      case .crashes: 3
      }
    }
  }

  /// In a million calls of the kind.
  var failuresPerMillion: [UInt64] = Array(repeating: 0, count: DiskOperation.allCases.count)
  /// The next call of this kind fails.
  var nextToFail: DiskOperation?
  /// What needs more space finds none.
  var isFull = false
  /// Nothing fails: the disk is left alone, such as when a test looks at what is on it.
  var isSuspended = false

  /// How many calls failed so far, and how many of these found the disk full.
  private(set) var failures = 0
  private(set) var refusals = 0

  mutating func outcome(of operation: DiskOperation, needsSpace: Bool, _ random: inout SplitMix) -> Outcome {
    if isSuspended { return .succeeds }
    if isFull, needsSpace {
      refusals += 1
      return .isFull
    }
    let rate = failuresPerMillion[Int(operation.rawValue)]
    guard nextToFail == operation || (rate > 0 && random.next() % 1_000_000 < rate) else { return .succeeds }
    nextToFail = nil
    failures += 1
    return .fails
  }
}
