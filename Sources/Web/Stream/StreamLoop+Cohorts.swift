// Serving live clients that are alike together.

internal import Codecs
internal import Core
internal import Log

extension StreamLoop {
  /// Seats a client that has everything with those that are like it.
  func join(_ connection: StreamConnection) {
    guard holds(connection), connection.cohort == nil, !connection.isBlocked, connection.queue.isEmpty,
      connection.closingNanos == nil, !connection.session.subscriptions.isEmpty,
      connection.session.subscriptions.allSatisfy({ $0.isAtEnd(of: views[$0.stream]) })
    else { return }
    let interest = Interest(connection.session.subscriptions)
    let cohort =
      cohorts[interest]
      ?? Cohort(interest, of: connection, tellNanos: nowNanos + Limits.Stream.progressIntervalNanos)
    // It is where all rings end, except in the middle of a flush that has not come to it.
    guard cohort.subscriptions.allSatisfy({ $0.isAtEnd(of: views[$0.stream]) }) else { return }
    cohorts[interest] = cohort
    cohort.add(connection)
    setMask(0, of: connection)
  }

  /// Gives a client the place of its cohort, and lets it go on by itself. Whoever reads or changes a session says so
  /// first. `place` is where the client is, if that is not where the cohort is.
  func leave(_ connection: StreamConnection, from place: [Subscription]? = nil) {
    guard let cohort = connection.cohort else { return }
    connection.session.stand(where: place ?? cohort.subscriptions)
    if let moved = cohort.remove(connection) { connections[moved]?.seat = connection.seat }
    if cohort.isEmpty { cohorts[cohort.interest] = nil }
    setMask(connection.streamMask, of: connection)
  }

  /// Sends all members what is due.
  func flush(_ cohort: Cohort) {
    plan.removeAll()
    let before = cohort.subscriptions
    guard before.allSatisfy({ $0.isServed(by: views[$0.stream]) }) else { return dissolve(cohort) }
    for index in before.indices where !plan.isFull { gather(index, &cohort.subscriptions[index]) }
    guard plan.isComplete else {
      cohort.subscriptions = before
      return dissolve(cohort)
    }
    for move in plan.moves { cohort.subscriptions[move.subscription].apply(move) }
    addProgress(of: cohort)
    if !plan.list.isEmpty { write(to: cohort, before) }
    progress.removeAll()
  }

  /// Writes the plan to all members; those that do not take it all leave.
  private func write(to cohort: Cohort, _ before: [Subscription]) {
    let descriptors = cohort.descriptors
    let byteCount = plan.list.byteCount
    var stragglers: [(slot: Int, result: SocketResult)] = []
    for seat in descriptors.indices {
      let result = plan.list.write(to: descriptors[seat])
      if case .bytes(byteCount) = result { continue }
      stragglers.append((cohort.slots[seat], result))
    }
    let complete = descriptors.count - stragglers.count
    catalog.metrics.flushes.add(descriptors.count)
    catalog.metrics.writes.add(descriptors.count)
    catalog.metrics.frames.add(complete * plan.frameCount)
    catalog.metrics.bytes.add(complete * byteCount)
    for straggler in stragglers {
      guard let connection = connections[straggler.slot] else { continue }
      leave(connection, from: before)
      guard let count = straggler.result.byteCount else {
        drop(connection)
        continue
      }
      note(count, connection)
    }
  }

  /// Says how far the cohort is, in the same write as what brought it there.
  private func addProgress(of cohort: Cohort) {
    guard nowNanos >= cohort.tellNanos else { return }
    cohort.tellNanos = nowNanos + Limits.Stream.progressIntervalNanos
    for index in cohort.subscriptions.indices where cohort.subscriptions[index].noteProgress() {
      guard let frame = progressFrame(of: cohort.subscriptions[index]) else { continue }
      encode(frame)
      progress.append(copying: text)
    }
    if let start = unsafe progress.start { unsafe plan.addTail(start, count: progress.count) }
  }

  /// From here on each member is served by itself: it fell behind, or there is more than one turn can send.
  private func dissolve(_ cohort: Cohort) {
    let members = cohort.slots.compactMap { connections[$0] }
    // All leave before the first is served: it must not come back to a cohort that is not where it went.
    for member in members { leave(member) }
    for member in members { serve(member) }
  }
}

extension SocketResult {
  /// What was taken; nil when the peer is gone.
  fileprivate var byteCount: Int? {
    switch self {
    case .bytes(let count): count
    case .wouldBlock: 0
    case .closed: nil
    }
  }
}
