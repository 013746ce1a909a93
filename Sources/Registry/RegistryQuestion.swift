// What a schema registry is asked, and what its answers mean: no connection, no waiting.

internal import Codecs
internal import Core

/// A schema by which a topic's values are written.
package struct TopicSchema: Sendable, Equatable {
  package let topic: String
  /// Of the Avro file.
  package let text: [UInt8]

  package init(topic: String, text: [UInt8]) {
    self.topic = topic
    self.text = text
  }

  var subject: String { "\(topic)-value" }
  /// For a person: what to register by hand.
  var file: String { "schemas/\(topic).avsc" }
}

/// One request about a schema.
struct RegistryQuestion {
  enum Kind {
    /// Which id the schema has under its subject.
    case lookUp
    /// Whether the subject's newest schema is the same, but for its documentation.
    case newest
    /// To take it in. It may be asked again: what is there already keeps its id.
    case register
  }

  enum Outcome: Equatable {
    case id(UInt32)
    /// The subject is not there, or has no such schema.
    case missing
    /// May pass.
    case busy(String)
    /// Will not pass by itself.
    case refused(String)
  }

  let kind: Kind
  let schema: TopicSchema

  var path: String {
    switch kind {
    case .lookUp: "/subjects/\(schema.subject)"
    case .newest: "/subjects/\(schema.subject)/versions/latest"
    case .register: "/subjects/\(schema.subject)/versions"
    }
  }

  /// Nil for what is only got. That it is Avro is not said: it is what registries expect, and older ones know no other.
  var content: [UInt8]? {
    if kind == .newest { return nil }
    var writer = ByteWriter()
    writer.beginObject()
    writer.field("schema", String(decoding: schema.text, as: UTF8.self))
    writer.endObject()
    return writer.copy()
  }

  func outcome(of answer: HTTPAnswer, isLoggedIn: Bool) -> Outcome {
    let fields = RegistryFields(answer.body)
    let said = "HTTP \(answer.status)\(fields.message.map { ", \"\($0)\"" } ?? "")"
    switch answer.status {
    case 200..<300:
      return accepted(fields)
        ?? .refused("gives no answer of a registry: schemaRegistry.url must be the root of its API")
    case 300..<400:
      let place = answer.redirect.map { " to \(RegistryFields.plain($0))" } ?? ""
      return .refused("sends its clients on\(place): name the place itself in schemaRegistry.url")
    case 401 where isLoggedIn:
      return .refused("does not accept the user and password of schemaRegistry.basicAuth (\(said))")
    case 401: return .refused("asks for a user and password: give schemaRegistry.basicAuth (\(said))")
    case 403 where kind == .register:
      return .refused(
        "does not let this user register \(schema.subject) (\(said)): register \(schema.file) under it first, or give "
          + "the user the right to")
    case 403: return .refused("does not let this user read \(schema.subject) (\(said)): give it the right to")
    case 404 where kind != .register && fields.errorCode.map { (40401...40403).contains($0) } == true:
      return .missing
    case 404, 405:
      return .refused(
        "has nothing at \(path) (\(said)): schemaRegistry.url must be the root of its API, such as http://HOST:8081")
    case 408, 429, 500...: return .busy("answers \(said)")
    case 409:
      return .refused(
        "has another schema under \(schema.subject), with which \(schema.file) is not compatible (\(said)): delete "
          + "that subject if nothing needs it, or use another registry")
    case 422 where fields.errorCode == 42205:
      return .refused("takes no schemas (\(said)): register \(schema.file) under \(schema.subject) where it takes them")
    case 422: return .refused("does not accept \(schema.file) under \(schema.subject) (\(said))")
    default: return .refused("answers \(said) to \(path)")
    }
  }

  private func accepted(_ fields: RegistryFields) -> Outcome? {
    guard let id = fields.id else { return nil }
    guard kind == .newest else { return .id(id) }
    guard let text = fields.schema, let found = unsafe SchemaText.canonical(text.span.bytes) else { return nil }
    return unsafe found == SchemaText.canonical(schema.text.span.bytes) ? .id(id) : .missing
  }
}

/// What is looked at in an answer. Whoever sends it may send anything.
struct RegistryFields: Equatable {
  /// Registries give positive 32-bit integers.
  var id: UInt32?
  var schema: [UInt8]?
  var errorCode: Int?
  var message: String?

  init(_ body: [UInt8]) {
    do throws(CodecError) { try read(unsafe body.span.bytes) } catch { self = RegistryFields() }
  }

  private init() {}

  private mutating func read(_ body: RawSpan) throws(CodecError) {
    var scanner = JSONScanner(body)
    guard try scanner.next() == .objectStart else { return }
    while try scanner.next() == .key {
      let name = String(utf8: scanner.text)
      switch (name, try scanner.next()) {
      case ("id", .number):
        id = Int32(String(utf8: scanner.text)).flatMap { $0 > 0 ? UInt32($0) : nil }
      case ("error_code", .number): errorCode = Int(String(utf8: scanner.text))
      case ("schema", .string): schema = [UInt8](scanner.text)
      case ("message", .string): message = Self.plain(String(utf8: scanner.text))
      case (_, .objectStart), (_, .arrayStart):
        let depth = scanner.depth
        while scanner.depth >= depth { _ = try scanner.next() }
      default: break
      }
    }
    guard try scanner.next() == .end else { throw .malformed(at: scanner.position, reason: "more than one object") }
  }

  /// Foreign text on one line of bounded length, without what terminals obey.
  static func plain(_ text: String) -> String {
    let line = text.unicodeScalars.prefix(Limits.Registry.messageCharactersMax).map { scalar in
      scalar.properties.generalCategory == .control ? " " : String(scalar)
    }
    return line.joined()
  }
}
