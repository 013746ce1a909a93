// The schema registry's read side, as Confluent's clients ask for it: any of them can decode the topics.

import Codecs
import Events

/// A schema as registries know it.
private struct RegisteredSchema: Sendable {
  let subject: String
  let id: UInt32
  let text: String
  /// As `SchemaText` has it.
  let canonical: [UInt8]?

  init?(_ topic: Topic, _ text: [UInt8], _ ids: [Topic: UInt32]) {
    guard let id = ids[topic] else { return nil }
    subject = topic.name + "-value"
    self.id = id
    self.text = String(decoding: text, as: UTF8.self)
    canonical = SchemaText.canonical(unsafe text.span.bytes)
  }

  /// What a question about a version is answered with.
  func append(to writer: inout ByteWriter) {
    writer.beginObject()
    writer.field("subject", subject)
    writer.field("version", Self.version)
    writer.field("id", Int(id))
    writer.field("schema", text)
    writer.endObject()
  }

  /// Each subject has the one version that its topic's name carries.
  static let version = 1
}

/// The schemas of the topics whose values are Avro.
private struct RegisteredSchemas: Sendable {
  let all: [RegisteredSchema]

  init(ids: [Topic: UInt32]) {
    all = Topic.all.compactMap { RegisteredSchema($0, SchemaCatalog.text(of: $0), ids) }
  }

  func schema(id text: String) throws(HTTPProblem) -> RegisteredSchema {
    let id = UInt32(text)
    guard let schema = all.first(where: { $0.id == id }) else { throw .unknown("schema '\(text)'", code: 40403) }
    return schema
  }

  func schema(subject: String) throws(HTTPProblem) -> RegisteredSchema {
    guard let schema = all.first(where: { $0.subject.utf8.elementsEqual(subject.utf8) }) else {
      throw .unknown("subject '\(subject)'", code: 40401)
    }
    return schema
  }
}

extension EdgeServer {
  var registryRoutes: [Route] {
    let catalog = RegisteredSchemas(ids: configuration.schemaIDs)
    return [
      Route("GET", "/subjects", parameters: ["subjectPrefix"] + Self.listParameters) { routed throws(HTTPProblem) in
        let prefix = routed.parameter("subjectPrefix") ?? ""
        let subjects = catalog.all.map(\.subject).filter { $0.hasPrefix(prefix) }
        return .respond(Self.list(try Self.page(of: subjects, routed)))
      },
      Route("GET", "/subjects/{subject}/versions", parameters: Self.listParameters) { routed throws(HTTPProblem) in
        _ = try catalog.schema(subject: routed.captures[0])
        let versions = try Self.page(of: ["\(RegisteredSchema.version)"], routed)
        return .respond(Self.registry { $0.append(utf8: "[\(versions.joined(separator: ","))]") })
      },
      Route(
        "GET", "/subjects/{subject}/versions/{version}", parameters: ["deleted", "format"]
      ) { routed throws(HTTPProblem) in
        let schema = try catalog.schema(subject: routed.captures[0])
        guard ["latest", "-1", "\(RegisteredSchema.version)"].contains(routed.captures[1]) else {
          throw .unknown("version '\(routed.captures[1])'", code: 40402)
        }
        return .respond(
          Self.registry { schema.append(to: &$0) })
      },
      Route(
        "POST", "/subjects/{subject}", parameters: ["deleted", "format", "normalize"], isQuestion: true
      ) { routed throws(HTTPProblem) in
        let schema = try catalog.schema(subject: routed.captures[0])
        guard try Self.sent(routed) == schema.canonical else {
          throw .unknown("such schema of '\(schema.subject)'", code: 40403)
        }
        return .respond(Self.registry { schema.append(to: &$0) })
      },
      // Clients register what they write with: what is there already is told, so that they can.
      Route(
        "POST", "/subjects/{subject}/versions", parameters: ["format", "normalize"], isQuestion: true
      ) { routed throws(HTTPProblem) in
        let sent = try Self.sent(routed)
        guard let schema = try? catalog.schema(subject: routed.captures[0]), sent == schema.canonical else {
          throw .registry(
            422, "Read-only", "This registry takes no schemas: there are only those of Millrace's own topics.",
            code: 42205)
        }
        return .respond(
          Self.registry { writer in
            writer.beginObject()
            writer.field("id", Int(schema.id))
            writer.endObject()
          })
      },
      Route("GET", "/schemas/ids/{id}", parameters: ["fetchMaxId", "format", "subject"]) { routed throws(HTTPProblem) in
        let schema = try catalog.schema(id: routed.captures[0])
        return .respond(
          Self.registry { writer in
            writer.beginObject()
            writer.field("schema", schema.text)
            writer.endObject()
          })
      },
      Route(
        "GET", "/schemas/ids/{id}/subjects", parameters: ["subject"] + Self.listParameters
      ) { routed throws(HTTPProblem) in
        .respond(Self.list(try Self.users(of: routed, catalog).map(\.subject)))
      },
      Route(
        "GET", "/schemas/ids/{id}/versions", parameters: ["subject"] + Self.listParameters
      ) { routed throws(HTTPProblem) in
        let users = try Self.users(of: routed, catalog)
        return .respond(
          Self.registry { writer in
            writer.beginArray()
            for schema in users {
              writer.beginObject()
              writer.field("subject", schema.subject)
              writer.field("version", RegisteredSchema.version)
              writer.endObject()
            }
            writer.endArray()
          })
      },
      Route("GET", "/schemas/types") { _ throws(HTTPProblem) in
        .respond(Self.registry { $0.append(utf8: "[\"AVRO\"]") })
      },
    ]
  }

  private static func sent(_ routed: RoutedRequest) throws(HTTPProblem) -> [UInt8] {
    let body = routed.request.body
    if let schema = SchemaText.sent(in: unsafe body.span.bytes) { return schema }
    throw .registry(422, "No schema", "The body is no JSON object with an Avro schema in 'schema'.", code: 42201)
  }

  /// What clients may ask of any list.
  private static var listParameters: [String] { ["deleted", "deletedOnly", "deleted_only", "limit", "offset"] }

  /// The part of a list that is asked for; a negative limit is none. Nothing was ever deleted.
  private static func page<Element>(of all: [Element], _ routed: RoutedRequest) throws(HTTPProblem) -> [Element] {
    let isOfDeleted = ["deletedOnly", "deleted_only"].contains { routed.parameter($0)?.lowercased() == "true" }
    let offset = try wholeNumber("offset", routed) ?? 0
    let limit = try wholeNumber("limit", routed) ?? -1
    let rest = all.dropFirst(max(offset, 0))
    return isOfDeleted ? [] : Array(limit < 0 ? rest : rest.prefix(limit))
  }

  private static func wholeNumber(_ name: String, _ routed: RoutedRequest) throws(HTTPProblem) -> Int? {
    guard let text = routed.parameter(name) else { return nil }
    guard let number = Int(text) else { throw .badParameter(name, "is not a whole number") }
    return number
  }

  /// Those that have the schema of the id in the path; each subject has a schema of its own.
  private static func users(
    of routed: RoutedRequest, _ catalog: RegisteredSchemas
  ) throws(HTTPProblem) -> [RegisteredSchema] {
    let schema = try catalog.schema(id: routed.captures[0])
    let isAskedFor = routed.parameter("subject").map { $0 == schema.subject } ?? true
    return try page(of: isAskedFor ? [schema] : [], routed)
  }

  private static func list(_ names: [String]) -> HTTPResponse {
    registry { writer in
      writer.beginArray()
      for name in names { writer.element(name) }
      writer.endArray()
    }
  }

  private static func registry(_ body: (inout ByteWriter) -> Void) -> HTTPResponse {
    var writer = ByteWriter(capacity: 4096)
    body(&writer)
    writer.append(UInt8(ascii: "\n"))
    return HTTPResponse(
      headers: [
        ("Content-Type", "application/vnd.schemaregistry.v1+json"), ("Cache-Control", "public, max-age=3600"),
      ], body: .bytes(writer.copy()))
  }
}

extension HTTPProblem {
  /// A problem that registry clients understand too: they look for `error_code` and `message`.
  fileprivate static func unknown(_ what: String, code: Int) -> HTTPProblem {
    registry(404, "Unknown", "There is no \(what).", code: code)
  }

  fileprivate static func registry(_ status: Int, _ title: String, _ detail: String, code: Int) -> HTTPProblem {
    var message = ByteWriter()
    message.append(jsonString: detail)
    return HTTPProblem(
      status, title, detail: detail, remedy: "/subjects lists what there is.",
      members: [("error_code", "\(code)"), ("message", String(utf8: message.bytes))])
  }
}
