// The schema registry's read side, as Confluent's clients ask for it: any of them can decode the topics.

import Codecs
import Events

/// A schema as registries know it.
private struct RegisteredSchema: Sendable {
  let subject: String
  let id: UInt32
  let text: String

  init(_ topic: Topic, _ text: [UInt8]) {
    subject = topic.name + "-value"
    id = topic.schemaID
    self.text = String(decoding: text, as: UTF8.self)
  }

  /// Each subject has the one version that its topic's name carries.
  static let version = 1
  static let all: [RegisteredSchema] = [
    RegisteredSchema(.ticks, PackageResources.prices_ticks_v1_avsc),
    RegisteredSchema(.latest, PackageResources.prices_latest_v1_avsc),
    RegisteredSchema(.candles, PackageResources.prices_candles_v1_avsc),
    RegisteredSchema(.sourceStatus, PackageResources.sources_status_v1_avsc),
    RegisteredSchema(.deadTicks, PackageResources.prices_ticks_dead_v1_avsc),
  ]
}

extension EdgeServer {
  var registryRoutes: [Route] {
    [
      Route("GET", "/subjects") { _ throws(HTTPProblem) in
        .respond(
          Self.registry { writer in
            writer.beginArray()
            for schema in RegisteredSchema.all { writer.element(schema.subject) }
            writer.endArray()
          })
      },
      Route("GET", "/subjects/{subject}/versions") { routed throws(HTTPProblem) in
        _ = try Self.schema(subject: routed.captures[0])
        return .respond(Self.registry { $0.append(utf8: "[\(RegisteredSchema.version)]") })
      },
      Route("GET", "/subjects/{subject}/versions/{version}") { routed throws(HTTPProblem) in
        let schema = try Self.schema(subject: routed.captures[0])
        guard ["latest", "-1", "\(RegisteredSchema.version)"].contains(routed.captures[1]) else {
          throw Self.unknown("version '\(routed.captures[1])'", code: 40402)
        }
        return .respond(
          Self.registry { writer in
            writer.beginObject()
            writer.field("subject", schema.subject)
            writer.field("version", RegisteredSchema.version)
            writer.field("id", Int(schema.id))
            writer.field("schema", schema.text)
            writer.endObject()
          })
      },
      Route("GET", "/schemas/ids/{id}", parameters: ["fetchMaxId", "subject"]) { routed throws(HTTPProblem) in
        let id = UInt32(routed.captures[0])
        guard let schema = RegisteredSchema.all.first(where: { $0.id == id }) else {
          throw Self.unknown("schema '\(routed.captures[0])'", code: 40403)
        }
        return .respond(
          Self.registry { writer in
            writer.beginObject()
            writer.field("schema", schema.text)
            writer.endObject()
          })
      },
      Route("GET", "/schemas/types") { _ throws(HTTPProblem) in
        .respond(Self.registry { $0.append(utf8: "[\"AVRO\"]") })
      },
    ]
  }

  private static func schema(subject: String) throws(HTTPProblem) -> RegisteredSchema {
    guard let schema = RegisteredSchema.all.first(where: { $0.subject.utf8.elementsEqual(subject.utf8) }) else {
      throw unknown("subject '\(subject)'", code: 40401)
    }
    return schema
  }

  /// A problem that registry clients understand too: they look for `error_code` and `message`.
  private static func unknown(_ what: String, code: Int) -> HTTPProblem {
    var message = ByteWriter()
    message.append(jsonString: "There is no \(what).")
    return HTTPProblem(
      404, "Unknown", detail: "There is no \(what).", remedy: "/subjects lists what there is.",
      members: [("error_code", "\(code)"), ("message", String(utf8: message.bytes))])
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
