// The hand-over: whether a cursor is served from the ring or from the log, and when it changes over.

internal import Core

/// What a cursor needs before it can send more.
enum CursorStep: Equatable {
  /// It can be asked for frames.
  case ready
  /// Something else must happen first.
  case wait
  /// A worker shall read on from the cursor's position.
  case fetch
  /// A worker shall give the newest values since the cursor's position.
  case conflate
  /// The client is no longer live; tell it, then ask again.
  case fellBehind
  /// The client is too slow and wants to be closed then.
  case disconnect
  case fail(StreamFailure)
}

extension Subscription {
  /// Moves a cursor on from a source that is exhausted or lost.
  ///
  /// The rule that makes the hand-over exact: a cursor attaches to the ring only at a position that the ring answers
  /// for, `start...end`, and at the first frame at or after that position. Before `start` there is history to be
  /// read; after `end` the log was read further than the publisher has come, and attaching would repeat it.
  mutating func settle(_ index: Int, _ view: RingView, isBlocked: Bool) -> CursorStep {
    guard epochs[index] == view.epoch else {
      // A newer one is one that the publisher has not noticed yet.
      if epochs[index] > view.epoch { return .wait }
      let earliest = [StreamPosition(partition: index, offset: view.start - 1)]
      return .fail(StreamFailure(.epochChanged, "the history was rebuilt differently", earliest: earliest))
    }
    switch cursors[index].source {
    case .fetching: return .wait
    case .piece(let piece, let frame):
      if let run = piece.run, frame < run.frameCount { return .ready }
      cursors[index].position = piece.next
      cursors[index].watermarkMillis = max(cursors[index].watermarkMillis, piece.watermarkMillis)
      cursors[index].source = .none
    case .ring(let place):
      if place.sequence >= view.firstSequence {
        return settleAttached(index, place, view)
      }
      cursors[index].source = .none
      if phase == .live, let step = leaveRing() { return step }
    case .none: break
    }
    return attach(index, view, isBlocked: isBlocked)
  }

  private mutating func settleAttached(_ index: Int, _ place: FramePlace, _ view: RingView) -> CursorStep {
    if let failure = view.failure, cursors[index].position >= view.end { return .fail(failure) }
    if slow == .conflate, phase == .live, place.sequence < view.lastSequence,
      view.lag(from: place) > Limits.Stream.conflateLagBytes
    {
      cursors[index].source = .none
      return .conflate
    }
    return .ready
  }

  /// The ring has left a live client behind.
  private mutating func leaveRing() -> CursorStep? {
    switch slow {
    case .catchup:
      phase = .catchingUp
      return .fellBehind
    case .conflate: return .conflate
    case .disconnect: return .disconnect
    }
  }

  private mutating func attach(_ index: Int, _ view: RingView, isBlocked: Bool) -> CursorStep {
    let position = cursors[index].position
    if cursors[index].reader?.hasState == true { return isBlocked ? .wait : .fetch }
    if position > view.end {
      if let failure = view.failure { return .fail(failure) }
      return .wait
    }
    if position >= view.start {
      cursors[index].reader = nil
      cursors[index].source = .ring(view.place(of: position))
      return .ready
    }
    if phase == .live, slow == .conflate { return .conflate }
    // Nothing is read for a client that does not take what it has.
    return isBlocked ? .wait : .fetch
  }

  /// Whether it has everything that the rings have, and was not told so yet.
  mutating func catchUp(_ views: [RingView]) -> Bool {
    guard phase == .catchingUp, !isPaused else { return false }
    for index in cursors.indices {
      guard case .ring = cursors[index].source, cursors[index].position == views[index].end else { return false }
    }
    phase = .live
    pace = nil
    return true
  }

  /// All cursors stand in their rings.
  var isAttached: Bool {
    cursors.allSatisfy { if case .ring = $0.source { true } else { false } }
  }

  /// It has all that the rings have, and gets what is new as it comes.
  func isAtEnd(of views: [RingView]) -> Bool {
    guard phase == .live, !isPaused else { return false }
    return cursors.indices.allSatisfy { index in
      guard case .ring = cursors[index].source else { return false }
      return cursors[index].position == views[index].end && epochs[index] == views[index].epoch
    }
  }

  /// Whether a live one can go on from the rings without a decision: `settle` would find every cursor ready.
  func isServed(by views: [RingView]) -> Bool {
    cursors.indices.allSatisfy { index in
      var cursor = self
      return cursor.settle(index, views[index], isBlocked: false) == .ready
    }
  }

  /// Lets go of what a replay can find again.
  mutating func dropReaders() {
    for index in cursors.indices where cursors[index].reader?.hasState == false { cursors[index].reader = nil }
  }

  /// The state is still on its way: its positions do not say yet what the client has.
  var isSendingState: Bool {
    cursors.contains { cursor in
      if case .piece(let piece, _) = cursor.source, piece.isState { return true }
      return cursor.reader?.hasState == true || cursor.isFetchingState
    }
  }
}
