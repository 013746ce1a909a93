// What a client may say on `/v1/stream`.

/// How fast a replay runs.
package enum ReplaySpeed: Hashable, Sendable {
  /// As fast as the client reads.
  case max
  /// A factor of event time, in thousandths.
  case factor(thousandths: Int64)
}

/// What to do with a client that reads too slowly to stay live.
package enum SlowPolicy: String, Hashable, Sendable {
  /// Let it read from the log until it has caught up.
  case catchup
  /// Give it the newest value of each key, marked as conflated.
  case conflate
  /// Close its socket, with a token to resume.
  case disconnect
}

/// The content of a `subscribe`.
package struct SubscribeRequest: Hashable, Sendable {
  package var id: String
  package var stream: String
  /// The wanted keys, in byte order without duplicates; nil for all. Keys are bytes: no Unicode equivalence.
  package var keys: [[UInt8]]?
  package var from: StreamStart
  package var speed: ReplaySpeed
  package var slow: SlowPolicy

  package init(
    id: String, stream: String, keys: [[UInt8]]? = nil, from: StreamStart = .now, speed: ReplaySpeed = .max,
    slow: SlowPolicy = .catchup
  ) {
    self.id = id
    self.stream = stream
    self.keys = keys
    self.from = from
    self.speed = speed
    self.slow = slow
  }
}

/// A message of a client.
package enum ClientMessage: Hashable, Sendable {
  case subscribe(SubscribeRequest)
  case unsubscribe(id: String)
  case pause(id: String)
  case resume(id: String)
  case seek(id: String, to: StreamStart)
  case speed(id: String, ReplaySpeed)
  case ping(id: String?)
}
