// The protocol of one socket: messages in, state, actions out. No socket, no clock, no log in here.

internal import Codecs
internal import Core

/// What a session and its subscriptions are, apart from the bytes on the wire. The shell performs the actions.
struct StreamSession {
  enum Action: Hashable {
    case send(ServerFrame)
    /// Look up where the subscription of this ticket starts.
    case resolve(ticket: UInt32)
    /// A subscription of the stream began or ended: somebody listens, or one less.
    case began(stream: Int)
    case ended(stream: Int)
    /// Ask whether the client is there.
    case ping
    case close(StreamCloseCode, reason: String)
  }

  private(set) var subscriptions: [Subscription] = []
  private var nextTicket: UInt32 = 0
  private var budget = MessageBudget()
  /// When the client was heard last, and what it was asked since.
  private var heardNanos: Int64
  private var pingsUnanswered = 0

  init(nowNanos: Int64) { heardNanos = nowNanos }

  /// Anything came from the client.
  mutating func heard(nowNanos: Int64) {
    heardNanos = nowNanos
    pingsUnanswered = 0
  }

  /// A control frame came: it costs as much attention as a message. Returns whether it may be answered.
  mutating func admitsControlFrame(nowNanos: Int64) -> Bool { budget.take(nowNanos: nowNanos) }

  /// Asks a silent client, or gives it up. Call about every second.
  mutating func checkLiveness(nowNanos: Int64) -> Action? {
    let silence = nowNanos - heardNanos
    guard silence >= Int64(pingsUnanswered + 1) * Limits.Stream.pingIntervalNanos else { return nil }
    if pingsUnanswered >= Limits.Stream.pingsMissedMax {
      return .close(.policyViolation, reason: "no answer to \(pingsUnanswered) pings")
    }
    pingsUnanswered += 1
    return .ping
  }

  /// A text message came.
  mutating func receive(
    _ text: RawSpan, in directory: StreamDirectory, nowNanos: Int64, wallMillis: Int64
  ) -> [Action] {
    guard budget.take(nowNanos: nowNanos) else {
      let limit = "\(Limits.Stream.messagesPerSecond) messages a second, \(Limits.Stream.messagesBurst) at once"
      return [
        .send(.error(StreamFailure(.rateLimited, "more than \(limit)"))),
        .close(.policyViolation, reason: "more messages than allowed"),
      ]
    }
    do throws(StreamFailure) {
      return try perform(try ClientMessage(decoding: text), in: directory, wallMillis: wallMillis)
    } catch {
      return [.send(.error(error))]
    }
  }

  private mutating func perform(
    _ message: ClientMessage, in directory: StreamDirectory, wallMillis: Int64
  ) throws(StreamFailure) -> [Action] {
    switch message {
    case .subscribe(let request): return try subscribe(request, in: directory)
    case .unsubscribe(let id):
      let ended = subscriptions.remove(at: try index(of: id))
      let stream = directory.streams[ended.stream].definition.name
      return [.send(.closed(id: id, token: ended.token(stream: stream))), .ended(stream: ended.stream)]
    case .pause(let id):
      subscriptions[try index(of: id)].isPaused = true
      return []
    case .resume(let id):
      let index = try index(of: id)
      guard subscriptions[index].isPaused else { return [] }
      subscriptions[index].isPaused = false
      subscriptions[index].pace = nil
      // What passed while it was paused is history to it: it will be told when it has caught up.
      if subscriptions[index].phase == .live { subscriptions[index].phase = .catchingUp }
      return []
    case .seek(let id, let start):
      let index = try index(of: id)
      let ticket = issueTicket()
      subscriptions[index].seek(to: start, ticket: ticket)
      return [.resolve(ticket: ticket)]
    case .speed(let id, let speed):
      let index = try index(of: id)
      subscriptions[index].speed = speed
      subscriptions[index].pace = nil
      return []
    case .ping(let id): return [.send(.pong(id: id, wallMillis: wallMillis))]
    }
  }

  private mutating func subscribe(
    _ request: SubscribeRequest, in directory: StreamDirectory
  ) throws(StreamFailure) -> [Action] {
    guard let stream = directory.index(of: request.stream) else {
      let known = directory.streams.map(\.definition.name).joined(separator: ", ")
      throw StreamFailure(
        .unknownStream, "no stream '\(request.stream.prefix(64))'; there are \(known)", id: request.id)
    }
    if find(request.id) != nil {
      throw StreamFailure(.duplicateID, "'\(request.id)' is subscribed already: unsubscribe or seek", id: request.id)
    }
    guard subscriptions.count < Limits.Stream.subscriptionsMax else {
      let message = "at most \(Limits.Stream.subscriptionsMax) subscriptions on one socket"
      throw StreamFailure(.tooManySubscriptions, message, id: request.id)
    }
    let ticket = issueTicket()
    let keys = directory.streams[stream].keys
    subscriptions.append(Subscription(request, stream: stream, ticket: ticket, keys: keys))
    return [.began(stream: stream), .resolve(ticket: ticket)]
  }

  private mutating func issueTicket() -> UInt32 {
    nextTicket &+= 1
    return nextTicket
  }

  private func find(_ id: String) -> Int? {
    subscriptions.firstIndex { $0.id.utf8.elementsEqual(id.utf8) }
  }

  private func index(of id: String) throws(StreamFailure) -> Int {
    guard let index = find(id) else { throw StreamFailure(.unknownID, "no subscription '\(id)'", id: id) }
    return index
  }

  /// The subscription of a ticket; nil when it ended or went elsewhere meanwhile.
  func index(ofTicket ticket: UInt32) -> Int? { subscriptions.firstIndex { $0.ticket == ticket } }

  /// All subscriptions get what is new as it comes.
  var isLive: Bool { subscriptions.allSatisfy { $0.phase == .live && $0.isAttached } }

  /// Takes over the places of subscriptions to the same.
  mutating func stand(where others: [Subscription]) {
    for index in subscriptions.indices { subscriptions[index].stand(where: others[index]) }
  }

  /// Changes a subscription in place: the shell's way to move its cursors.
  mutating func withSubscription<Value>(_ index: Int, _ body: (inout Subscription) -> Value) -> Value {
    body(&subscriptions[index])
  }

  /// The start of a subscription was found, or why there is none.
  mutating func resolved(
    ticket: UInt32, _ result: Result<ResolvedStart, StreamFailure>, in directory: StreamDirectory
  ) -> [Action] {
    guard let index = index(ofTicket: ticket) else { return [] }
    switch result {
    case .failure(let failure): return fail(index, failure)
    case .success(let start):
      subscriptions[index].begin(start)
      let subscription = subscriptions[index]
      let stream = directory.streams[subscription.stream].definition.name
      let token = PositionToken(stream: stream, epochs: start.epochs, next: start.next).text
      return [
        .send(
          .opened(
            id: subscription.id, stream: stream, epochs: start.epochs,
            positions: start.next.indices.map { StreamPosition(partition: $0, offset: start.next[$0] - 1) },
            token: token))
      ]
    }
  }

  /// Ends all subscriptions: the socket closes.
  mutating func endAll() -> [Action] {
    defer { subscriptions = [] }
    return subscriptions.map { .ended(stream: $0.stream) }
  }

  /// Ends the subscription with an error frame; the socket goes on.
  mutating func fail(_ index: Int, _ failure: StreamFailure) -> [Action] {
    let ended = subscriptions.remove(at: index)
    var failure = failure
    failure.id = ended.id
    return [.send(.error(failure)), .ended(stream: ended.stream)]
  }
}

/// A token bucket of messages, in nanoseconds of credit.
private struct MessageBudget {
  private static let costNanos = 1_000_000_000 / Int64(Limits.Stream.messagesPerSecond)
  private static let creditMax = costNanos * Int64(Limits.Stream.messagesBurst)

  private var credit = Self.creditMax
  private var takenNanos: Int64?

  mutating func take(nowNanos: Int64) -> Bool {
    let elapsed = max(0, nowNanos - (takenNanos ?? nowNanos))
    takenNanos = nowNanos
    credit = min(Self.creditMax, credit + min(elapsed, Self.creditMax))
    guard credit >= Self.costNanos else { return false }
    credit -= Self.costNanos
    return true
  }
}
