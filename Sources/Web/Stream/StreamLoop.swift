// The loop of a reactor thread: readiness, letters, flushes, timers.

internal import Codecs
internal import Core
internal import Log
internal import Synchronization

/// Serves the clients of one reactor; belongs to its thread.
@safe final class StreamLoop<Log: EventLog, Time: Clock> {
  private static var sweepNanos: Int64 { 100_000_000 }
  /// A slot is swept in every tenth sweep, so that a second's worth of progress frames does not leave in one burst.
  private static var sweepPhases: Int { 10 }

  let catalog: StreamCatalog<Log>
  let mailbox: StreamReactor
  let pool: ReplayPool<Log>
  let clock: Time
  let settings: StreamSettings
  /// By slot; nil where there is no client.
  private(set) var connections: [StreamConnection?] = []
  /// The streams that each slot listens to by itself, one bit each: what a flush looks at first.
  private var masks: [UInt64] = []
  private var freeSlots: [Int] = []
  private var generation: UInt32 = 0
  /// What is known of each ring, by stream and partition.
  var views: [[RingView]]
  /// Live clients that have everything, by what they want; the others are served one by one.
  var cohorts: [Interest: Cohort] = [:]
  var plan = FlushPlan()
  /// Progress frames that a cohort is being sent.
  var progress = OutQueue()
  var nowNanos: Int64
  /// Slots with a paced replay, and when it goes on.
  var dueNanos: [Int: Int64] = [:]
  /// Text of control frames under construction.
  var text = ByteWriter(capacity: 256)
  private var lastFlushNanos: Int64 = 0
  private var mustFlush = false
  private var nextSweepNanos: Int64
  private var sweepCount = 0
  private var stopNanos: Int64?
  /// Clients that came before the history was gone through.
  private var early: [ReactorLetter] = []
  private var inputBuffer: UnsafeMutableRawBufferPointer

  init(
    catalog: StreamCatalog<Log>, mailbox: StreamReactor, pool: ReplayPool<Log>, clock: Time,
    settings: StreamSettings
  ) {
    self.catalog = catalog
    self.mailbox = mailbox
    self.pool = pool
    self.clock = clock
    self.settings = settings
    views = catalog.partitions.map { $0.map { _ in RingView() } }
    nowNanos = clock.monotonicNanos()
    nextSweepNanos = nowNanos
    unsafe inputBuffer = .allocate(byteCount: Limits.Stream.messageBytesMax, alignment: 16)
  }

  deinit { unsafe inputBuffer.deallocate() }

  /// The thread's body: until a stop letter came and all clients are gone.
  func run() {
    var ready: [(token: UInt64, readiness: Readiness)] = []
    while true {
      ready.removeAll(keepingCapacity: true)
      mailbox.reactor.wait(timeoutNanos: timeoutNanos()) { ready.append(($0, $1)) }
      nowNanos = clock.monotonicNanos()
      if mailbox.takeGrowth() { mustFlush = true }
      let isReady = catalog.isReady.load(ordering: .acquiring)
      for letter in takeEarly(isReady) + mailbox.takeLetters() { open(letter, isReady) }
      for (token, readiness) in ready {
        guard let connection = connection(token) else { continue }
        handle(connection, readiness)
      }
      if mustFlush, nowNanos - lastFlushNanos >= settings.flushIntervalNanos { flushAll() }
      serveDue()
      if nowNanos >= nextSweepNanos { sweep() }
      if let stopNanos, nowNanos >= stopNanos || connections.allSatisfy({ $0 == nil }) { break }
    }
    for connection in connections { if let connection { drop(connection) } }
  }

  private func timeoutNanos() -> Int64 {
    var wake = connections.count == freeSlots.count && stopNanos == nil ? Int64.max : nextSweepNanos
    if mustFlush { wake = min(wake, lastFlushNanos + settings.flushIntervalNanos) }
    for due in dueNanos.values { wake = min(wake, due) }
    if let stopNanos { wake = min(wake, stopNanos) }
    return wake == .max ? -1 : max(0, wake - clock.monotonicNanos())
  }

  /// The client of a token, which has something to say: it is served by itself until it has everything again.
  private func connection(_ token: UInt64) -> StreamConnection? {
    let slot = Int(token & 0xffff_ffff)
    guard slot < connections.count, let connection = connections[slot], connection.token == token else { return nil }
    leave(connection)
    return connection
  }

  private func takeEarly(_ isReady: Bool) -> [ReactorLetter] {
    guard isReady else { return [] }
    defer { early = [] }
    return early
  }

  private func open(_ letter: ReactorLetter, _ isReady: Bool) {
    switch letter {
    case .adopt(let descriptor, let initialBytes):
      if isReady || stopNanos != nil { adopt(descriptor, initialBytes) } else { early.append(letter) }
    case .replayed(let token, let ticket, let outcome):
      guard let connection = connection(token) else { return }
      replayed(connection, ticket, outcome)
    case .stop(let deadlineNanos):
      stopNanos = deadlineNanos
      for letter in takeEarly(true) { open(letter, true) }
      for case let connection? in connections { close(connection, .goingAway, "the server stops") }
    }
  }

  // MARK: Clients come and go

  private func adopt(_ descriptor: Int32, _ initialBytes: [UInt8]) {
    let socket = Socket(taking: descriptor, unsentBytesMax: Limits.Stream.kernelUnsentBytesMax)
    let slot = freeSlots.popLast() ?? connections.count
    generation &+= 1
    let token = UInt64(generation) << 32 | UInt64(slot)
    let connection = StreamConnection(token: token, socket: socket, nowNanos: nowNanos)
    if slot == connections.count {
      connections.append(connection)
      masks.append(0)
    } else {
      connections[slot] = connection
    }
    do throws(ReactorError) {
      try mailbox.reactor.add(descriptor, token: token, interest: .readable)
    } catch {
      return drop(connection)
    }
    if stopNanos != nil { return close(connection, .goingAway, "the server stops") }
    if catalog.metrics.clients.value > settings.clientsMax {
      catalog.metrics.refused.add()
      return close(connection, .tryAgainLater, "the server is full")
    }
    receive(unsafe initialBytes.span.bytes, connection)
    serve(connection)
  }

  /// Ends a connection at once.
  func drop(_ connection: StreamConnection) {
    guard holds(connection) else { return }
    leave(connection)
    for subscription in connection.session.subscriptions {
      catalog.changeSubscribers(of: subscription.stream, by: -1)
    }
    catalog.metrics.queuedBytes.change(by: -connection.queue.count)
    catalog.metrics.clients.change(by: -1)
    mailbox.reactor.remove(connection.socket.descriptor)
    connections[connection.slot] = nil
    masks[connection.slot] = 0
    dueNanos[connection.slot] = nil
    freeSlots.append(connection.slot)
  }

  /// Whether the connection is still one of this loop's.
  func holds(_ connection: StreamConnection) -> Bool { connections[connection.slot] === connection }

  /// Looks at the rings in the next turn, whether or not the publisher said so.
  func ringsMayHaveGrown() { mustFlush = true }

  func subscriptionsChanged(_ connection: StreamConnection) {
    setMask(connection.streamMask, of: connection)
  }

  func setMask(_ mask: UInt64, of connection: StreamConnection) { masks[connection.slot] = mask }

  // MARK: Input

  private func handle(_ connection: StreamConnection, _ readiness: Readiness) {
    if readiness.contains(.readable) || readiness.contains(.hangup) { read(connection) }
    guard holds(connection) else { return }
    if readiness.contains(.writable) {
      connection.isBlocked = false
      listen(connection)
      serve(connection)
    }
  }

  /// Reads once: what is left makes the socket readable again, after others had their turn.
  private func read(_ connection: StreamConnection) {
    switch unsafe connection.socket.read(into: inputBuffer) {
    case .wouldBlock: return
    case .closed: return drop(connection)
    case .bytes(let count):
      connection.session.heard(nowNanos: nowNanos)
      receive(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: inputBuffer[..<count])), connection)
      if holds(connection) { serve(connection) }
    }
  }

  private func receive(_ bytes: RawSpan, _ connection: StreamConnection) {
    var position = 0
    // What still comes after a close frame was queued is read, so that the connection ends cleanly, and ignored.
    while connection.closingNanos == nil {
      do throws(WebSocketViolation) {
        guard let input = try connection.decoder.next(in: bytes, at: &position) else { return }
        take(input, connection)
      } catch {
        close(connection, code: error.closeCode, error.reason)
      }
    }
  }

  private func take(_ input: WebSocketInput, _ connection: StreamConnection) {
    switch input {
    case .text:
      catalog.metrics.messages.add()
      perform(message(of: connection), connection)
    case .binary: close(connection, .unsupportedData, "binary messages are not spoken here")
    case .ping:
      guard connection.session.admitsControlFrame(nowNanos: nowNanos) else {
        return close(connection, .policyViolation, "more pings than allowed")
      }
      text.removeAll()
      text.append(webSocketPong: connection.decoder)
      enqueue(connection)
    case .pong:
      if !connection.session.admitsControlFrame(nowNanos: nowNanos) {
        close(connection, .policyViolation, "more pongs than allowed")
      }
    case .close(let code): close(connection, code: code == 1005 ? 1000 : code, "")
    }
  }

  private func message(of connection: StreamConnection) -> [StreamSession.Action] {
    connection.session.receive(
      messageOf: connection.decoder, in: catalog.directory, nowNanos: nowNanos,
      wallMillis: clock.wallNanos() / 1_000_000)
  }

  // MARK: Flushes and timers

  private func flushAll() {
    mustFlush = false
    lastFlushNanos = nowNanos
    var changed: UInt64 = 0
    for stream in views.indices {
      for index in views[stream].indices {
        let (end, epoch) = (views[stream][index].end, views[stream][index].epoch)
        catalog.partitions[stream][index].ring.update(&views[stream][index])
        let view = views[stream][index]
        if view.end != end || view.epoch != epoch || view.failure != nil { changed |= 1 << UInt64(stream) }
      }
    }
    for cohort in Array(cohorts.values) where cohort.streamMask & changed != 0 { flush(cohort) }
    for slot in masks.indices where masks[slot] & changed != 0 {
      if let connection = connections[slot] { serve(connection) }
    }
  }

  private func serveDue() {
    guard !dueNanos.isEmpty else { return }
    for (slot, due) in dueNanos where due <= nowNanos {
      dueNanos[slot] = nil
      if let connection = connections[slot] { serve(connection) }
    }
  }

  private func sweep() {
    nextSweepNanos = nowNanos + Self.sweepNanos
    sweepCount += 1
    for cohort in Array(cohorts.values) where nowNanos >= cohort.tellNanos { flush(cohort) }
    for slot in stride(from: sweepCount % Self.sweepPhases, to: connections.count, by: Self.sweepPhases) {
      guard let connection = connections[slot] else { continue }
      if let closing = connection.closingNanos {
        if nowNanos >= closing { drop(connection) }
        continue
      }
      let action = connection.session.checkLiveness(nowNanos: nowNanos)
      if connection.cohort != nil, action == nil { continue }
      leave(connection)
      if let action { perform([action], connection) }
      review(connection)
      tellProgress(connection)
      if holds(connection) { serve(connection) }
    }
  }

  /// Asks for readiness to write only while it is missed.
  func listen(_ connection: StreamConnection) {
    let interest: Readiness = connection.isBlocked ? [.readable, .writable] : .readable
    do throws(ReactorError) {
      try mailbox.reactor.modify(connection.socket.descriptor, token: connection.token, interest: interest)
    } catch {
      drop(connection)
    }
  }
}
