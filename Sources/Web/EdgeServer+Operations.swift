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
        writer.append(utf8: "{\"name\":\"millrace\",\"version\":")
        writer.append(jsonString: configuration.version)
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
    writer.append(utf8: "{\"checks\":{")
    let own = (name: "views", reason: { @Sendable [tail = views.tail] in tail.unreadyReason })
    for (index, check) in ([own] + configuration.readinessChecks).enumerated() {
      let reason = check.reason()
      if reason != nil { isReady = false }
      if index > 0 { writer.append(utf8: ",") }
      writer.append(jsonString: check.name)
      writer.append(utf8: ":")
      writer.append(jsonString: reason ?? "ok")
    }
    writer.append(utf8: "},\"ready\":\(isReady)}\n")
    var response = HTTPResponse.json(writer, status: isReady ? 200 : 503)
    if !isReady { response.headers.append(("Retry-After", "1")) }
    return response
  }

  static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> HTTPResponse {
    HTTPResponse(
      headers: [("Content-Type", type), ("Cache-Control", "no-store")], body: .bytes(Array(text.utf8)))
  }
}
