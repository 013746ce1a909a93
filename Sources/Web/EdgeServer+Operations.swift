// Is it alive, is it ready, what is it, how is it doing.

import Codecs
import Core

extension EdgeServer {
  var operationRoutes: [Route] {
    [
      Route("GET", "/healthz") { _ throws(HTTPProblem) in .respond(Self.text("ok\n")) },
      Route("GET", "/readyz") { [self] _ throws(HTTPProblem) in .respond(readiness()) },
      Route("GET", "/version") { [self] _ throws(HTTPProblem) in
        var writer = ByteWriter()
        writer.beginObject()
        writer.field("name", "millrace")
        writer.field("version", configuration.version)
        writer.append(utf8: "}\n")
        return .respond(.json(writer))
      },
      Route("GET", "/metrics") { [self] _ throws(HTTPProblem) in
        var writer = ByteWriter(capacity: 16 << 10)
        configuration.metrics.appendExposition(to: &writer)
        return .respond(Self.text(String(utf8: writer.bytes), type: "text/plain; version=0.0.4; charset=utf-8"))
      },
    ]
  }

  /// 200 once every check holds, 503 before, with the state of each.
  private func readiness() -> HTTPResponse {
    var isReady = true
    var writer = ByteWriter()
    writer.beginObject()
    writer.field("checks")
    writer.beginObject()
    var checks = configuration.readinessChecks
    if !configuration.servesOperationsOnly {
      checks.insert((name: "views", reason: { [tail = views.tail] in tail.unreadyReason }), at: 0)
    }
    for check in checks {
      let reason = check.reason()
      if reason != nil { isReady = false }
      writer.field(named: check.name)
      writer.append(jsonString: reason ?? "ok")
    }
    writer.endObject()
    writer.field("ready", isReady)
    writer.append(utf8: "}\n")
    var response = HTTPResponse.json(writer, status: isReady ? 200 : 503)
    if !isReady { response.headers.append(("Retry-After", "1")) }
    return response
  }

  static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse {
    HTTPResponse(
      headers: [("Content-Type", type), ("Cache-Control", "no-store")], body: .bytes(Array(text.utf8)))
  }
}
