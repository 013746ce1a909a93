// One client of a reactor.

internal import Codecs
internal import Core

/// A socket with its session. Belongs to its reactor's thread. An idle one owns no buffer.
final class StreamConnection {
  /// The reactor's name for it: slot and generation.
  let token: UInt64
  let socket: Socket
  var decoder = WebSocketDecoder(messageBytesMax: Limits.Stream.messageBytesMax)
  var session: StreamSession
  var queue = OutQueue()
  /// The last write took less than it was given: wait until the socket is writable.
  var isBlocked = false
  /// Set once a close frame was queued: when to give up on the client's reading it.
  var closingNanos: Int64?
  /// The close frame was sent: nothing more may follow it.
  var isFinished = false
  /// Which subscription is served first next time, so that none starves the others.
  var turn = 0
  /// While it is served together with others: its place is the cohort's, not what the session says.
  var cohort: Cohort?
  /// Its index in the cohort.
  var seat = 0

  init(token: UInt64, socket: consuming Socket, nowNanos: Int64) {
    self.token = token
    self.socket = socket
    session = StreamSession(nowNanos: nowNanos)
  }

  var slot: Int { Int(token & 0xffff_ffff) }

  /// The streams it is subscribed to, one bit each.
  var streamMask: UInt64 {
    session.subscriptions.reduce(0) { $0 | 1 << UInt64($1.stream) }
  }
}
