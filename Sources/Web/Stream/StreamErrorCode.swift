// Everything that can go wrong on a stream, by name.

internal import Log

/// The `code` of an `error` frame. Where the doc says "closes", the socket is closed after the frame.
package enum StreamErrorCode: String, Sendable, CaseIterable {
  /// The message is not one JSON object, or a field has the wrong type. Nothing changed.
  case badMessage = "bad_message"
  /// `type` is none that a client may send. Nothing changed.
  case unknownType = "unknown_type"
  /// A field that this type does not have. Nothing changed.
  case unknownField = "unknown_field"
  /// A field that this type must have is absent. Nothing changed.
  case missingField = "missing_field"
  /// A field's value is out of its range. Nothing changed.
  case badField = "bad_field"
  /// No stream of this name. Nothing changed.
  case unknownStream = "unknown_stream"
  /// No subscription of this id on the socket. Nothing changed.
  case unknownID = "unknown_id"
  /// The id is that of another subscription of the socket, which goes on.
  case duplicateID = "duplicate_id"
  /// The socket has as many subscriptions as it may have.
  case tooManySubscriptions = "too_many_subscriptions"
  /// The token is not one that this server issued, or damaged. The subscription ended.
  case tokenMalformed = "token_malformed"
  /// The token is of another stream. The subscription ended.
  case tokenStream = "token_stream"
  /// The history that the token belongs to was rebuilt differently: start from a snapshot or `earliest`. The
  /// subscription ended.
  case tokenEpoch = "token_epoch"
  /// The position is no longer retained; `earliest` names the first usable one. The subscription ended.
  case positionExpired = "position_expired"
  /// The position is after the end of the stream. The subscription ended.
  case positionAfterEnd = "position_after_end"
  /// A position is missing for a partition, or names one that does not exist. The subscription ended.
  case positionIncomplete = "position_incomplete"
  /// The stream's history was rebuilt differently while subscribed. The subscription ended; subscribe anew.
  case epochChanged = "epoch_changed"
  /// The client read too slowly and asked to be disconnected then; `token` resumes. Closes with 1013.
  case slowConsumer = "slow_consumer"
  /// More messages than allowed. Closes with 1008.
  case rateLimited = "rate_limited"
  /// The log is out of reach and the start of the subscription cannot be looked up. The subscription ended; subscribe
  /// again, with the same start.
  case logUnavailable = "log_unavailable"
  /// The log cannot be read at this place; the operator's log says why. The subscription ended.
  case logFailed = "log_failed"
}

/// The codes of the close frames that the server sends, from RFC 6455 and its registry.
package enum StreamCloseCode: UInt16, Sendable {
  /// The answer to the client's own close.
  case normal = 1000
  /// The server stops; reconnect.
  case goingAway = 1001
  /// A frame that breaks RFC 6455.
  case protocolError = 1002
  /// A binary message, where text is spoken.
  case unsupportedData = 1003
  /// Text that is not UTF-8.
  case invalidData = 1007
  /// More messages than allowed, or no answer to pings.
  case policyViolation = 1008
  /// A message beyond the limit.
  case messageTooBig = 1009
  /// Something failed here.
  case internalError = 1011
  /// The server is full, or the client too slow; come back later.
  case tryAgainLater = 1013
}

/// Why a request could not be served; becomes an `error` frame.
package struct StreamFailure: Error, Hashable, Sendable {
  package var code: StreamErrorCode
  package var message: String
  /// The subscription it is about.
  package var id: String?
  /// The earliest usable position, where that helps.
  package var earliest: [StreamPosition]?
  /// Where to resume, where that is possible.
  package var token: String?

  package init(
    _ code: StreamErrorCode, _ message: String, id: String? = nil, earliest: [StreamPosition]? = nil,
    token: String? = nil
  ) {
    self.code = code
    self.message = message
    self.id = id
    self.earliest = earliest
    self.token = token
  }
  /// What a log answered instead of `what`.
  init(reading what: String, _ error: LogError) {
    var code = StreamErrorCode.logFailed
    if case .unavailable = error { code = .logUnavailable }
    self.init(code, "\(what): \(error)")
  }

  /// Whether the same may succeed later, with nothing done by anybody here.
  var isPassing: Bool { code == .logUnavailable }
}
