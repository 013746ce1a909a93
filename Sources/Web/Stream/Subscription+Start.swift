// How a subscription begins, and begins again.

/// Where a subscription starts, in each partition.
struct ResolvedStart: Sendable {
  var epochs: [UInt32]
  /// The first offset that is not part of what `opened` states: for a snapshot, of its state.
  var next: [Int64]
  /// One for each partition that is read from the log at first: of a snapshot, the state.
  var readers: [ReplayReader?]

  init(epochs: [UInt32], next: [Int64], readers: [ReplayReader?] = []) {
    self.epochs = epochs
    self.next = next
    self.readers = readers
  }
}

extension Subscription {
  /// Forgets where it is.
  mutating func seek(to start: StreamStart, ticket: UInt32) {
    self.ticket = ticket
    self.start = start
    phase = .resolving
    cursors = []
    epochs = []
    pace = nil
  }

  /// Starts where the lookup says.
  mutating func begin(_ start: ResolvedStart) {
    phase = .catchingUp
    epochs = start.epochs
    cursors = start.next.indices.map { partition in
      PartitionCursor(
        position: start.next[partition],
        reader: partition < start.readers.count ? start.readers[partition] : nil)
    }
    pace = nil
  }

  /// The token that resumes it; nil before its start is known.
  func token(stream: String) -> String? {
    guard phase != .resolving else { return nil }
    return PositionToken(stream: stream, epochs: epochs, next: cursors.map(\.position)).text
  }
}
