// A replay's place in one partition.

internal import Core

/// What must be remembered between two pieces of a replay. Everything but the state offsets can be found again from the
/// position alone, so a reader that rests may be dropped.
final class ReplayReader: @unchecked Sendable {  // Sendable: owned by a cursor or, with a job, by one worker.
  /// How a record is shown.
  enum Form {
    case data
    /// As part of a state.
    case snapshot
    /// As the newest of several that were left out.
    case conflated
  }

  /// The next record to be looked at.
  var scan: Int64
  /// By key index: the last offset before `scan`; -1 or beyond the end for none.
  var previous: [Int64]
  /// Records of a state that are to be sent before the log is read on, in its order.
  var state: ArraySlice<Int64>
  var form: Form
  var watermarkMillis = Int64.min

  init(scan: Int64, previous: [Int64]) {
    self.scan = scan
    self.previous = previous
    state = []
    form = .data
  }

  /// Sends the records at `state` and then goes on at `next`.
  init(state: [Int64], form: Form, next: Int64) {
    scan = next
    previous = []
    self.state = state[...]
    self.form = form
  }

  var hasState: Bool { !state.isEmpty }
}
