// The recent frames of one partition: written by the publisher, read by every reactor.

internal import Core
internal import Synchronization

/// What the publisher adds to a ring in one step.
struct RingUpdate {
  /// The newest offset of a slot: a key, or a key and an interval.
  struct Newest: BitwiseCopyable {
    var slot: Int
    var offset: Int64
  }

  /// The blocks that grew or are new, in order; the first may be the ring's last.
  var runs: [FrameRun] = []
  var newest: [Newest] = []
  /// The offset after the last record looked at.
  var end: Int64 = 0
  /// The greatest event time among them.
  var watermarkMillis = Int64.min
  /// False when nobody listens: only `newest` and `end` are kept up, and the ring answers for nothing before `end`.
  var isRendered = true
}

/// What a reader knows of a ring; valid without a lock until it is brought up to date again.
struct RingView {
  var runs: [FrameRun] = []
  /// The sequence number of `runs[0]`.
  var firstSequence = 0
  var epoch: UInt32 = 0
  var start: Int64 = 0
  var end: Int64 = 0
  var watermarkMillis = Int64.min
  /// Why nothing comes after `end` any more.
  var failure: StreamFailure?

  var lastSequence: Int { firstSequence + runs.count - 1 }

  /// Where the first frame at or after `offset` is or will be. `offset` must not be before `start`.
  func place(of offset: Int64) -> FramePlace {
    var index = runs.count
    while index > 0, runs[index - 1].frameCount == 0 || runs[index - 1].block.entry(0).offset >= offset { index -= 1 }
    guard index > 0 else { return FramePlace(sequence: firstSequence, frame: 0) }
    let run = runs[index - 1]
    return FramePlace(sequence: firstSequence + index - 1, frame: run.firstFrame(atOrAfter: offset))
  }

  /// The next offset of a reader at `place`: of the frame there, or the end.
  func position(at place: FramePlace) -> Int64 {
    let index = place.sequence - firstSequence
    guard index >= 0, index < runs.count else { return end }
    if place.frame < runs[index].frameCount { return runs[index].block.entry(place.frame).offset }
    return index + 1 < runs.count ? runs[index + 1].block.entry(0).offset : end
  }

  /// Bytes of frames from `place` on.
  func lag(from place: FramePlace) -> Int {
    let first = place.sequence - firstSequence
    guard first >= 0, first < runs.count else { return 0 }
    return runs[first...].reduce(-runs[first].block.start(place.frame)) { $0 + $1.byteCount }
  }
}

/// A frame's place in a ring: the block's sequence number and the index in it, which may be one past the last.
struct FramePlace: Equatable {
  var sequence: Int
  var frame: Int
}

/// A ring of blocks, bounded in bytes, and the newest offset of each slot, consistent with its end.
///
/// It answers for the offsets `start..<end`: every record among them that clients are shown has its frame here.
final class FrameRing: Sendable {
  fileprivate struct State: Sendable {
    var view = RingView()
    var byteCount = 0
    /// The newest offset of each slot before the end; -1 for none.
    var newest: [Int64] = []
  }

  private let state = Mutex(State())
  private let byteCountMax: Int

  init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

  /// Forgets everything; the ring begins anew, before `offset`.
  func restart(at offset: Int64, epoch: UInt32) {
    state.withLock { state in
      state.clear()
      state.newest = []
      state.view.watermarkMillis = .min
      state.view.failure = nil
      state.view.epoch = epoch
      state.view.start = offset
      state.view.end = offset
    }
  }

  /// Takes `update` in and lets the oldest blocks go. The last block stays, whatever its size.
  func publish(_ update: RingUpdate) {
    state.withLock { state in
      for newest in update.newest {
        while state.newest.count <= newest.slot { state.newest.append(-1) }
        state.newest[newest.slot] = newest.offset
      }
      state.view.end = update.end
      state.view.watermarkMillis = max(state.view.watermarkMillis, update.watermarkMillis)
      if update.isRendered {
        state.append(update.runs)
        state.evict(beyond: byteCountMax)
      } else {
        state.clear()
        state.view.start = update.end
      }
    }
  }

  /// Brings `view` up to date.
  func update(_ view: inout RingView) {
    state.withLock { state in
      let gone = min(state.view.firstSequence - view.firstSequence, view.runs.count)
      if gone > 0 { view.runs.removeFirst(gone) }
      // The block that was the last may have grown.
      if let last = view.runs.indices.last { view.runs[last] = state.view.runs[last] }
      view.runs.append(contentsOf: state.view.runs[view.runs.count...])
      view.firstSequence = state.view.firstSequence
      view.epoch = state.view.epoch
      view.start = state.view.start
      view.end = state.view.end
      view.watermarkMillis = state.view.watermarkMillis
      view.failure = state.view.failure
    }
  }

  /// Nothing comes any more: the log cannot be read on.
  func fail(_ failure: StreamFailure) { state.withLock { $0.view.failure = failure } }

  /// The newest record of each slot that is at or after `offset` and whose key `filter` wants, in the log's order; and
  /// the end before which they are the newest.
  func newestRecords(
    since offset: Int64, slotsPerKey: Int, _ filter: KeyFilter
  ) -> (offsets: [Int64], end: Int64, epoch: UInt32) {
    state.withLock { state in
      var offsets: [Int64] = []
      for slot in state.newest.indices where state.newest[slot] >= offset && state.newest[slot] >= 0 {
        if filter.matches(Int32(truncatingIfNeeded: slot / slotsPerKey)) { offsets.append(state.newest[slot]) }
      }
      offsets.sort()
      return (offsets, state.view.end, state.view.epoch)
    }
  }

  /// The offsets it answers for and the epoch they belong to.
  var bounds: (start: Int64, end: Int64, epoch: UInt32) {
    state.withLock { ($0.view.start, $0.view.end, $0.view.epoch) }
  }
}

extension FrameRing.State {
  /// Makes every place that was ever handed out one that is gone, also the place of the first frame to come in an
  /// empty ring: whoever waits there must find that there are records now that have no frame here.
  fileprivate mutating func clear() {
    view.firstSequence += view.runs.count + 1
    view.runs.removeAll()
    byteCount = 0
  }

  fileprivate mutating func append(_ runs: [FrameRun]) {
    for run in runs {
      if let last = view.runs.last, last.block === run.block {
        byteCount -= last.byteCount
        view.runs[view.runs.count - 1] = run
      } else {
        view.runs.append(run)
      }
      byteCount += run.byteCount
    }
  }

  fileprivate mutating func evict(beyond byteCountMax: Int) {
    while view.runs.count > 1, byteCount > byteCountMax {
      byteCount -= view.runs.removeFirst().byteCount
      view.firstSequence += 1
      // No frame at or after the first one of the first block is missing.
      view.start = view.runs[0].block.entry(0).offset
    }
  }
}
