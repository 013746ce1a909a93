// The protocol of a socket, without one.

import Codecs
import Core
import Events
import Testing

@testable import Web

@Suite struct StreamSessionTests {
  private let directory = StreamDirectory([
    (StreamDefinition(.ticks), 2), (StreamDefinition(.candles), 1),
  ])

  private func receive(_ text: String, _ session: inout StreamSession, at nanos: Int64 = 0) -> [StreamSession.Action] {
    session.receive(Array(text.utf8).span.bytes, in: directory, nowNanos: nanos, wallMillis: 42)
  }

  private func failure(_ text: String) -> StreamErrorCode? {
    var session = StreamSession(nowNanos: 0)
    let actions = receive(text, &session)
    #expect(session.subscriptions.isEmpty, "\(text)")
    guard case .send(.error(let failure)) = actions.first, actions.count == 1 else { return nil }
    return failure.code
  }

  @Test func refusesWhatIsNotAMessage() {
    let long = String(repeating: "x", count: 65)
    let keys = (0...1024).map { "\"k\($0)\"" }.joined(separator: ",")
    let cases: [(String, StreamErrorCode)] = [
      ("", .badMessage), ("nonsense", .badMessage), ("[]", .badMessage), ("{", .badMessage), ("{}x", .badMessage),
      (#"{"id":"a"}"#, .missingField), (#"{"type":"dance"}"#, .unknownType), (#"{"type":7}"#, .badField),
      (#"{"type":["ping"]}"#, .badField), (#"{"type":"ping","type":"ping"}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks"}"#, .missingField),
      (#"{"type":"subscribe","id":"a","keys":"*"}"#, .missingField),
      (#"{"type":"subscribe","stream":"prices.ticks","keys":"*"}"#, .missingField),
      (#"{"type":"subscribe","id":"","stream":"prices.ticks","keys":"*"}"#, .badField),
      (#"{"type":"subscribe","id":"\#(long)","stream":"prices.ticks","keys":"*"}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.silver","keys":"*"}"#, .unknownStream),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","form":"now"}"#, .unknownField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":[]}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":[1]}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":[\#(keys)]}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"then"}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"pos":"0:1","time":3}}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"pos":"0:-2"}}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"time":1e99}}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{}}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","speed":0}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","speed":"fast"}"#, .badField),
      (#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","slow":"sink"}"#, .badField),
      (#"{"type":"unsubscribe","id":"a"}"#, .unknownID), (#"{"type":"pause","id":"a","speed":1}"#, .unknownField),
    ]
    for (text, code) in cases { #expect(failure(text) == code, "\(text)") }
  }

  @Test func opensSubscriptionsAndKeepsTheirIDsApart() throws {
    var session = StreamSession(nowNanos: 0)
    let text = #"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":["B","A","B"],"from":{"time":5}}"#
    #expect(receive(text, &session) == [.began(stream: 0), .resolve(ticket: 1)])
    #expect(session.subscriptions[0].keys == [[65], [66]])
    #expect(session.subscriptions[0].start == .time(millis: 5))
    guard case .send(.error(let failure)) = receive(text, &session).first else { throw CodecError.truncated(at: 0) }
    #expect(failure.code == .duplicateID)
    #expect(failure.id == "a")
    let opened = session.resolved(
      ticket: 1, .success(ResolvedStart(epochs: [3, 4], next: [0, 9])), in: directory)
    let token = PositionToken(stream: "prices.ticks", epochs: [3, 4], next: [0, 9]).text
    #expect(
      opened == [
        .send(
          .opened(
            id: "a", stream: "prices.ticks", epochs: [3, 4],
            positions: [StreamPosition(partition: 0, offset: -1), StreamPosition(partition: 1, offset: 8)],
            token: token))
      ])
    #expect(receive(#"{"type":"seek","id":"a","from":"now"}"#, &session) == [.resolve(ticket: 2)])
    // The answer to the place before the seek comes too late.
    #expect(session.resolved(ticket: 1, .success(ResolvedStart(epochs: [], next: [])), in: directory) == [])
    #expect(
      receive(#"{"type":"unsubscribe","id":"a"}"#, &session)
        == [.send(.closed(id: "a", token: nil)), .ended(stream: 0)])
    #expect(receive(#"{"type":"ping"}"#, &session) == [.send(.pong(id: nil, wallMillis: 42))])
  }

  @Test func limitsSubscriptionsAndMessages() {
    var session = StreamSession(nowNanos: 0)
    for index in 0..<Limits.Stream.subscriptionsMax {
      _ = receive(
        #"{"type":"subscribe","id":"\#(index)","stream":"prices.ticks","keys":"*"}"#, &session,
        at: Int64(index) * 1_000_000_000)
    }
    #expect(session.subscriptions.count == Limits.Stream.subscriptionsMax)
    let late = Int64(Limits.Stream.subscriptionsMax) * 1_000_000_000
    let refused = receive(#"{"type":"subscribe","id":"x","stream":"prices.ticks","keys":"*"}"#, &session, at: late)
    guard case .send(.error(let failure)) = refused.first else {
      Issue.record("not refused")
      return
    }
    #expect(failure.code == .tooManySubscriptions)

    var flooding = StreamSession(nowNanos: 0)
    for _ in 0..<Limits.Stream.messagesBurst { #expect(receive(#"{"type":"ping"}"#, &flooding).count == 1) }
    let actions = receive(#"{"type":"ping"}"#, &flooding)
    #expect(actions.last == .close(.policyViolation, reason: "more messages than allowed"))
    #expect(receive(#"{"type":"ping"}"#, &flooding, at: 100_000_000).count == 1)
  }

  @Test func asksASilentClientTwiceAndGivesItUp() {
    var session = StreamSession(nowNanos: 0)
    let second: Int64 = 1_000_000_000
    #expect(session.checkLiveness(nowNanos: 24 * second) == nil)
    #expect(session.checkLiveness(nowNanos: 25 * second) == .ping)
    #expect(session.checkLiveness(nowNanos: 26 * second) == nil)
    #expect(session.checkLiveness(nowNanos: 50 * second) == .ping)
    #expect(session.checkLiveness(nowNanos: 74 * second) == nil)
    #expect(session.checkLiveness(nowNanos: 75 * second) == .close(.policyViolation, reason: "no answer to 2 pings"))
    session.heard(nowNanos: 75 * second)
    #expect(session.checkLiveness(nowNanos: 76 * second) == nil)
  }

  @Test func tokensAreTheirOwnProof() {
    let token = PositionToken(stream: "prices.ticks", epochs: [7, 1], next: [0, 1 << 40])
    #expect(PositionToken(token.text) == token)
    var letters = Array(token.text.utf8)
    for index in letters.indices {
      let letter = letters[index]
      letters[index] = letter == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(PositionToken(String(decoding: letters, as: UTF8.self)) == nil)
      letters[index] = letter
    }
    for text in ["", "A", "AAAA", "AAAAAAAA", "~~~~", String(repeating: "A", count: 100_000)] {
      #expect(PositionToken(text) == nil)
    }
  }

  @Test func attachesOnlyWhereTheRingAnswers() {
    var view = RingView()
    view.epoch = 1
    view.start = 10
    view.end = 20
    let request = SubscribeRequest(id: "a", stream: "prices.ticks")
    func step(_ position: Int64, blocked: Bool = false, epoch: UInt32 = 1) -> CursorStep {
      var subscription = Subscription(request, stream: 0, ticket: 1, keys: directory.streams[0].keys)
      subscription.begin(ResolvedStart(epochs: [epoch], next: [position]))
      return subscription.settle(0, view, isBlocked: blocked)
    }
    #expect(step(9) == .fetch)
    #expect(step(9, blocked: true) == .wait)
    #expect(step(10) == .ready)
    #expect(step(20) == .ready)
    #expect(step(21) == .wait)
    #expect(step(15, epoch: 2) == .wait)
    guard case .fail(let failure) = step(15, epoch: 0) else {
      Issue.record("another epoch was accepted")
      return
    }
    #expect(failure.code == .epochChanged)
  }

  @Test func pacesByEventTime() {
    let request = SubscribeRequest(id: "a", stream: "prices.ticks", speed: .factor(thousandths: 10_000))
    var subscription = Subscription(request, stream: 0, ticket: 1, keys: directory.streams[0].keys)
    #expect(subscription.dueNanos(eventMillis: 1_000, nowNanos: 500) == 500)
    #expect(subscription.dueNanos(eventMillis: 2_000, nowNanos: 600) == 100_000_500)
    #expect(subscription.dueNanos(eventMillis: 900, nowNanos: 700) == 500)
    #expect(subscription.dueNanos(eventMillis: .max, nowNanos: 700) == .max)
    #expect(subscription.dueNanos(eventMillis: .min, nowNanos: 700) <= .max)
  }
}
