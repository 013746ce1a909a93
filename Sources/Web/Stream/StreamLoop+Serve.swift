// Serving one client: settle its cursors, gather what is due, write it, note how far it came.

internal import Codecs
internal import Core
internal import Log

extension StreamLoop {
  /// Sends what is due, as far as the client takes it and its turn allows.
  func serve(_ connection: StreamConnection) {
    guard holds(connection) else { return }
    leave(connection)
    catalog.metrics.flushes.add()
    dueNanos[connection.slot] = nil
    var sent = 0
    while true {
      settle(connection)
      guard holds(connection), !connection.isBlocked else { return }
      if sent >= Limits.Stream.turnBytesMax {
        dueNanos[connection.slot] = nowNanos
        return
      }
      plan.removeAll()
      gather(connection)
      guard !plan.list.isEmpty || !plan.moves.isEmpty else { break }
      guard let count = write(connection) else { return drop(connection) }
      sent += count
      // The common case: everything was sent to a client that is live, and there is nothing more to decide.
      if plan.isComplete, connection.queue.isEmpty, !connection.isBlocked, connection.closingNanos == nil,
        connection.session.isLive
      {
        return join(connection)
      }
    }
    if plan.dueNanos != .max { dueNanos[connection.slot] = plan.dueNanos }
    finishIfClosing(connection)
    join(connection)
  }

  /// Writes the plan and moves the cursors. Returns the bytes that were taken; nil when the client is gone.
  private func write(_ connection: StreamConnection) -> Int? {
    var count = 0
    if !plan.list.isEmpty {
      catalog.metrics.writes.add()
      switch connection.socket.write(plan.list) {
      case .bytes(let written): count = written
      case .wouldBlock: break
      case .closed: return nil
      }
    }
    note(count, connection)
    return count
  }

  /// The client took `count` bytes of the plan.
  func note(_ count: Int, _ connection: StreamConnection) {
    let progress = plan.progress(after: count)
    connection.queue.consume(progress.queuedBytes)
    catalog.metrics.queuedBytes.change(by: -progress.queuedBytes)
    for move in plan.moves[..<progress.completeMoves] {
      connection.session.withSubscription(move.subscription) { $0.apply(move) }
    }
    if let stop = progress.stop { apply(stop, plan.moves[progress.completeMoves], connection) }
    if !progress.rest.isEmpty {
      connection.queue.append(unsafe progress.rest.span.bytes)
      catalog.metrics.queuedBytes.change(by: progress.rest.count)
    }
    catalog.metrics.frames.add(progress.frames)
    catalog.metrics.bytes.add(count)
    if count < plan.list.byteCount {
      catalog.metrics.wouldBlock.add()
      connection.isBlocked = true
      listen(connection)
    }
  }

  /// The write ended within a move.
  private func apply(
    _ stop: (segment: Int, frame: Int), _ move: FlushPlan.Move, _ connection: StreamConnection
  ) {
    let segment = plan.segments[stop.segment]
    connection.session.withSubscription(move.subscription) { subscription in
      var cursor = subscription.cursors[move.cursor]
      switch move.source {
      case .piece(let piece, _):
        cursor.source = .piece(piece, frame: stop.frame)
        if !piece.isState {
          let isEnd = stop.frame == piece.run?.frameCount
          cursor.position = isEnd ? piece.next : segment.block.entry(stop.frame).offset
        }
      default:
        cursor.source = .ring(FramePlace(sequence: segment.sequence, frame: stop.frame))
        // All before the last frame that was sent is sent or not wanted; what follows it may be unwanted, too.
        if stop.frame > segment.frames.lowerBound {
          cursor.position = segment.block.entry(stop.frame - 1).offset + 1
        }
      }
      subscription.cursors[move.cursor] = cursor
    }
  }

  // MARK: Settling

  private func settle(_ connection: StreamConnection) {
    var index = 0
    while index < connection.session.subscriptions.count {
      let isServed = connection.session.withSubscription(index) { $0.phase != .resolving && !$0.isPaused }
      if isServed, let failure = settle(index, connection) {
        if failure.code == .slowConsumer { return disconnect(connection, failure) }
        perform(connection.session.fail(index, failure), connection)
        continue
      }
      index += 1
    }
  }

  /// Settles all cursors of a subscription. Returns why it must end, if it must.
  private func settle(_ index: Int, _ connection: StreamConnection) -> StreamFailure? {
    let stream = connection.session.subscriptions[index].stream
    for cursor in views[stream].indices {
      var step = connection.session.withSubscription(index) {
        $0.settle(cursor, views[stream][cursor], isBlocked: connection.isBlocked)
      }
      if step == .fellBehind {
        catalog.metrics.fellBehind.add()
        tell(index, connection) { .fellBehind(id: $0, stream: $1, positions: $2, token: $3) }
        step = connection.session.withSubscription(index) {
          $0.settle(cursor, views[stream][cursor], isBlocked: connection.isBlocked)
        }
      }
      switch step {
      case .ready, .wait, .fellBehind: break
      case .fetch: fetch(index, cursor, isConflating: false, connection)
      case .conflate: fetch(index, cursor, isConflating: true, connection)
      case .fail(let failure): return failure
      case .disconnect:
        catalog.metrics.slowDisconnects.add()
        let token = connection.session.subscriptions[index].token(stream: name(of: stream))
        return StreamFailure(.slowConsumer, "too slow for live data; resume with the token", token: token)
      }
    }
    let hasCaughtUp = connection.session.withSubscription(index) { $0.catchUp(views[stream]) }
    if hasCaughtUp { tell(index, connection) { .caughtUp(id: $0, stream: $1, positions: $2, token: $3) } }
    return nil
  }

  private func disconnect(_ connection: StreamConnection, _ failure: StreamFailure) {
    send(.error(failure), connection)
    close(connection, .tryAgainLater, failure.code.rawValue)
  }

  private func fetch(_ index: Int, _ cursor: Int, isConflating: Bool, _ connection: StreamConnection) {
    let job = connection.session.withSubscription(index) { subscription -> ReplayJob in
      let position = subscription.cursors[cursor].position
      let reader = subscription.cursors[cursor].reader
      subscription.cursors[cursor].reader = nil
      subscription.cursors[cursor].source = .fetching
      subscription.cursors[cursor].isFetchingState = isConflating || reader?.hasState == true
      let work: ReplayJob.Work =
        isConflating
        ? .conflate(partition: cursor, position: position)
        : .piece(partition: cursor, position: position, reader: reader)
      return makeJob(for: subscription, work, connection.token)
    }
    if isConflating { catalog.metrics.conflated.add() }
    pool.submit(job)
  }

  func makeJob(for subscription: Subscription, _ work: ReplayJob.Work, _ token: UInt64) -> ReplayJob {
    ReplayJob(
      stream: subscription.stream, filter: subscription.filter, epochs: subscription.epochs, work: work,
      done: { [mailbox, ticket = subscription.ticket] outcome in
        mailbox.post(.replayed(connection: token, ticket: ticket, outcome))
      })
  }

  // MARK: Gathering

  private func gather(_ connection: StreamConnection) {
    if let start = unsafe connection.queue.start {
      unsafe plan.addQueue(start, count: connection.queue.count)
    }
    let count = connection.session.subscriptions.count
    guard count > 0 else { return }
    connection.turn = (connection.turn + 1) % count
    for step in 0..<count where !plan.isFull {
      let index = (connection.turn + step) % count
      connection.session.withSubscription(index) { gather(index, &$0) }
    }
  }

  /// Adds what is due to one subscription.
  func gather(_ index: Int, _ subscription: inout Subscription) {
    guard subscription.phase != .resolving, !subscription.isPaused else { return }
    subscription.filter.extend()
    for cursor in subscription.cursors.indices where !plan.isFull { gather(index, cursor, &subscription) }
  }

  private func gather(_ index: Int, _ cursor: Int, _ subscription: inout Subscription) {
    let first = plan.segments.count
    switch subscription.cursors[cursor].source {
    case .none, .fetching: return
    case .piece(let piece, let frame):
      guard let run = piece.run else { return }
      let end = due(run, frame, &subscription)
      guard end > frame else { return }
      plan.add(run.block, sequence: 0, frames: frame..<end)
      let isEnd = end == run.frameCount
      let position =
        piece.isState ? subscription.cursors[cursor].position : isEnd ? piece.next : run.block.entry(end).offset
      plan.finish(
        subscription: index, cursor: cursor, from: first, source: .piece(piece, frame: end), position: position)
    case .ring(let start):
      let view = views[subscription.stream][cursor]
      let place = gather(from: start, view, &subscription)
      let position = view.position(at: place)
      guard place != start || position != subscription.cursors[cursor].position else { return }
      plan.finish(subscription: index, cursor: cursor, from: first, source: .ring(place), position: position)
      subscription.cursors[cursor].watermarkMillis = max(
        subscription.cursors[cursor].watermarkMillis, position == view.end ? view.watermarkMillis : .min)
    }
  }

  /// Adds what is wanted and due from `start` on; returns where to go on.
  private func gather(from start: FramePlace, _ view: RingView, _ subscription: inout Subscription) -> FramePlace {
    var place = start
    while !plan.isFull {
      let index = place.sequence - view.firstSequence
      guard index < view.runs.count else { break }
      let run = view.runs[index]
      if place.frame >= run.frameCount {
        guard index + 1 < view.runs.count else { break }
        place = FramePlace(sequence: place.sequence + 1, frame: 0)
        continue
      }
      var first = place.frame
      var end = run.frameCount
      if !subscription.filter.wantsAll {
        while first < end, !subscription.filter.matches(run.block.entry(first).key) { first += 1 }
        place.frame = first
        if first == end { continue }
        end = first + 1
        while end < run.frameCount, subscription.filter.matches(run.block.entry(end).key) { end += 1 }
      }
      end = due(FrameRun(block: run.block, frameCount: end), first, &subscription)
      guard end > first else { break }
      plan.add(run.block, sequence: place.sequence, frames: first..<end)
      place.frame = end
    }
    return place
  }

  /// How far the frames from `first` on are due.
  private func due(_ run: FrameRun, _ first: Int, _ subscription: inout Subscription) -> Int {
    guard subscription.isPaced else { return run.frameCount }
    var frame = first
    while frame < run.frameCount {
      let due = subscription.dueNanos(eventMillis: run.block.entry(frame).eventTimeMillis, nowNanos: nowNanos)
      if due > nowNanos {
        plan.dueNanos = min(plan.dueNanos, due)
        break
      }
      frame += 1
    }
    return frame
  }
}
