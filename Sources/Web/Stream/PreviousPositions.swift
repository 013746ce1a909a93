// The previous position of a key at any place of a partition, so that a replay shows the same chain as the live stream.

internal import Core
internal import Synchronization

/// Snapshots of "key -> offset of its last record" at rising offsets of one partition, made by the publisher as it goes
/// through the log. A replay loads the nearest one before its start and scans on from there. Safe from any thread.
final class PreviousPositions: Sendable {
  struct Snapshot: Sendable {
    /// The first record that is not part of it.
    var offset: Int64
    /// By key index; -1, or beyond the end: none.
    var previous: [Int64]
  }

  private struct State: Sendable {
    var snapshots: [Snapshot] = []
    var spacing = Int64(Limits.Stream.previousSpacingMin)
    var byteCount = 0
  }

  private let state = Mutex(State())

  /// Keeps a snapshot, if the last one is far enough behind. `offset` rises from call to call.
  func offer(_ previous: [Int64], at offset: Int64) {
    state.withLock { state in
      guard offset - (state.snapshots.last?.offset ?? 0) >= state.spacing else { return }
      state.snapshots.append(Snapshot(offset: offset, previous: previous))
      state.byteCount += previous.count * 8
      while state.byteCount > Limits.Stream.previousBytesMax, state.snapshots.count > 1 {
        state.snapshots = state.snapshots.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        state.byteCount = state.snapshots.reduce(0) { $0 + $1.previous.count * 8 }
        state.spacing *= 2
      }
    }
  }

  /// The last snapshot that holds nothing at or after `offset`; nil: scan from the first retained record.
  func nearest(before offset: Int64) -> Snapshot? {
    state.withLock { state in state.snapshots.last { $0.offset <= offset } }
  }

  func removeAll() { state.withLock { $0 = State() } }
}
