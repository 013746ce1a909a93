// Client messages from JSON: strict about names and types, so that a misspelt field is told, not ignored.

internal import Codecs
internal import Core
internal import Events

extension ClientMessage {
  /// Reads one message. The failure names the field at fault and, if it was readable, the subscription.
  init(decoding text: RawSpan) throws(StreamFailure) {
    var fields = MessageFields()
    do throws(CodecError) {
      try fields.read(text)
    } catch {
      throw fields.failure ?? StreamFailure(.badMessage, "not JSON: \(error.explanation)", id: fields.id)
    }
    if let failure = fields.failure { throw failure }
    self = try fields.message()
  }
}

extension CodecError {
  /// For a client: what is wrong and where.
  var explanation: String {
    switch self {
    case .truncated(let at): "the message ends early, at byte \(at)"
    case .malformed(let at, let reason), .tooLarge(let at, let reason): "\(reason), at byte \(at)"
    case .checksumMismatch: "a checksum does not match"
    }
  }
}

/// The fields of one message as they are read; which of them `type` allows is settled at the end.
private struct MessageFields {
  var type: String?
  var id: String?
  var stream: String?
  /// nil: not given; an inner nil: `*`.
  var keys: [[UInt8]]??
  var from: StreamStart?
  var speed: ReplaySpeed?
  var slow: SlowPolicy?
  /// The names given, in their order.
  var names: [String] = []
  /// The first thing that is wrong with a well-formed message.
  var failure: StreamFailure?

  private mutating func fail(_ code: StreamErrorCode, _ message: String) {
    if failure == nil { failure = StreamFailure(code, message) }
  }

  mutating func read(_ text: RawSpan) throws(CodecError) {
    var scanner = JSONScanner(text)
    guard try scanner.next() == .objectStart else { return fail(.badMessage, "a message is one JSON object") }
    while try scanner.next() == .key {
      let name = String(utf8: scanner.text)
      if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { fail(.badField, "'\(name)' is given twice") }
      names.append(name)
      try readValue(of: name, &scanner)
    }
    _ = try scanner.next()
    failure?.id = id
  }

  private mutating func readValue(of name: String, _ scanner: inout JSONScanner) throws(CodecError) {
    switch name {
    case "type": type = try string(name, &scanner)
    case "id":
      id = try string(name, &scanner)
      if let id, id.utf8.isEmpty || id.utf8.count > Limits.Stream.idBytesMax {
        self.id = nil
        fail(.badField, "'id' is a text of 1 to \(Limits.Stream.idBytesMax) bytes")
      }
    case "stream": stream = try string(name, &scanner)
    case "slow":
      slow = try string(name, &scanner).flatMap { SlowPolicy(rawValue: $0) }
      if slow == nil { fail(.badField, "'slow' is \"catchup\", \"conflate\" or \"disconnect\"") }
    case "keys": keys = .some(try readKeys(&scanner))
    case "from": try readFrom(&scanner)
    case "speed": try readSpeed(&scanner)
    case "corrections":
      let token = try scanner.next()
      if token != .true && token != .false { try wrongType("'corrections' is true or false", token, &scanner) }
    default:
      try scanner.skipValue()
      fail(.unknownField, "'\(name.prefix(64))' is not a field of any message")
    }
  }

  private mutating func string(_ name: String, _ scanner: inout JSONScanner) throws(CodecError) -> String? {
    let token = try scanner.next()
    if token == .string { return String(utf8: scanner.text) }
    try wrongType("'\(name)' is a text", token, &scanner)
    return nil
  }

  /// Notes the failure and passes over the rest of a container whose start was read.
  private mutating func wrongType(
    _ message: String, _ token: JSONToken, _ scanner: inout JSONScanner
  ) throws(CodecError) {
    fail(.badField, message)
    guard token == .objectStart || token == .arrayStart else { return }
    let depth = scanner.depth
    while scanner.depth >= depth { _ = try scanner.next() }
  }

  private mutating func readKeys(_ scanner: inout JSONScanner) throws(CodecError) -> [[UInt8]]? {
    let explanation =
      "'keys' is \"*\" or a list of 1 to \(Limits.Stream.keysMax) texts of 1 to \(Limits.keyBytesMax) bytes"
    var keys: [[UInt8]] = []
    let first = try scanner.next()
    if first == .string && scanner.textIs("*") { return nil }
    guard first == .arrayStart else {
      try wrongType(explanation, first, &scanner)
      return nil
    }
    while true {
      let token = try scanner.next()
      if token == .arrayEnd { break }
      guard token == .string, (1...Limits.keyBytesMax).contains(scanner.text.byteCount) else {
        try wrongType(explanation, token, &scanner)
        continue
      }
      if keys.count <= Limits.Stream.keysMax { keys.append([UInt8](scanner.text)) }
    }
    if keys.isEmpty || keys.count > Limits.Stream.keysMax { fail(.badField, explanation) }
    keys.sort { $0.lexicographicallyPrecedes($1) }
    return keys.reduce(into: []) { unique, key in if unique.last != key { unique.append(key) } }
  }

  private mutating func readFrom(_ scanner: inout JSONScanner) throws(CodecError) {
    let explanation =
      "'from' is \"now\", \"snapshot\", \"earliest\", {\"time\": ...}, {\"pos\": ...} or {\"token\": ...}"
    let token = try scanner.next()
    if token == .string {
      if scanner.textIs("now") { from = .now }
      if scanner.textIs("snapshot") { from = .snapshot }
      if scanner.textIs("earliest") { from = .earliest }
      if from == nil { fail(.badField, explanation) }
      return
    }
    guard token == .objectStart else { return try wrongType(explanation, token, &scanner) }
    while try scanner.next() == .key {
      if from != nil { fail(.badField, explanation) }
      let kind = String(utf8: scanner.text)
      let value = try scanner.next()
      switch (kind, value) {
      case ("time", .number): from = millis(scanner.text).map { .time(millis: $0) }
      case ("time", .string): from = StreamStart.time(rfc3339: String(utf8: scanner.text))
      case ("pos", .string): from = StreamPosition.list(String(utf8: scanner.text)).map { .after($0) }
      case ("token", .string): from = .token(String(utf8: scanner.text))
      default: try wrongType(explanation, value, &scanner)
      }
    }
    if from == nil { fail(.badField, explanation) }
  }

  private func millis(_ text: RawSpan) -> Int64? {
    guard let value = try? DecimalText.parse(text, scale: 0) else { return nil }
    return Int64(exactly: value)
  }

  private mutating func readSpeed(_ scanner: inout JSONScanner) throws(CodecError) {
    let explanation = "'speed' is \"max\" or a factor of event time from 0.001 to 1000000, in steps of 0.001"
    let token = try scanner.next()
    if token == .string && scanner.textIs("max") {
      speed = .max
    } else if token == .number, let value = try? DecimalText.parse(scanner.text, scale: 3),
      let thousandths = Int64(exactly: value), Limits.Stream.speedThousandths.contains(thousandths)
    {
      speed = .factor(thousandths: thousandths)
    } else {
      try wrongType(explanation, token, &scanner)
    }
  }
}

extension MessageFields {
  /// The message, once all fields are known.
  func message() throws(StreamFailure) -> ClientMessage {
    guard let type else { throw StreamFailure(.missingField, "'type' is missing", id: id) }
    switch type {
    case "subscribe":
      try allow("id", "stream", "keys", "from", "speed", "slow", "corrections")
      return .subscribe(
        SubscribeRequest(
          id: try require(id, "id"), stream: try require(stream, "stream"), keys: try require(keys, "keys"),
          from: from ?? .now, speed: speed ?? .max, slow: slow ?? .catchup))
    case "unsubscribe":
      try allow("id")
      return .unsubscribe(id: try require(id, "id"))
    case "pause":
      try allow("id")
      return .pause(id: try require(id, "id"))
    case "resume":
      try allow("id")
      return .resume(id: try require(id, "id"))
    case "seek":
      try allow("id", "from")
      return .seek(id: try require(id, "id"), to: try require(from, "from"))
    case "speed":
      try allow("id", "speed")
      return .speed(id: try require(id, "id"), try require(speed, "speed"))
    case "ping":
      try allow("id")
      return .ping(id: id)
    default:
      let known = "subscribe, unsubscribe, pause, resume, seek, speed, ping"
      throw StreamFailure(.unknownType, "'\(type.prefix(64))' is not one of \(known)", id: id)
    }
  }

  private func require<Value>(_ value: Value?, _ name: String) throws(StreamFailure) -> Value {
    guard let value else { throw StreamFailure(.missingField, "'\(name)' is missing", id: id) }
    return value
  }

  private func allow(_ allowed: String...) throws(StreamFailure) {
    for name in names where name != "type" && !allowed.contains(name) {
      throw StreamFailure(.unknownField, "'\(name)' is not a field of '\(type ?? "")'", id: id)
    }
  }
}
