// Errors as RFC 9457 problem details: what is wrong, and what to do about it.

import Codecs

/// A problem document. `detail` says what was wrong with this request, `remedy` what the client can do.
package struct HTTPProblem: Error, Sendable {
  package var status: Int
  package var title: String
  package var detail: String
  package var remedy: String
  /// Further members, already encoded as JSON.
  package var members: [(name: String, json: String)] = []
  package var headers: [(name: String, value: String)] = []

  package init(
    _ status: Int, _ title: String, detail: String, remedy: String = "",
    members: [(name: String, json: String)] = [], headers: [(name: String, value: String)] = []
  ) {
    self.status = status
    self.title = title
    self.detail = detail
    self.remedy = remedy
    self.members = members
    self.headers = headers
  }

  package var response: HTTPResponse {
    var writer = ByteWriter(capacity: 512)
    writer.beginObject()
    writer.field("type", "about:blank")
    writer.field("title", title)
    writer.field("status", status)
    writer.field("detail", detail)
    if !remedy.isEmpty { writer.field("remedy", remedy) }
    for member in members {
      writer.field(named: member.name)
      writer.append(utf8: member.json)
    }
    writer.append(utf8: "}\n")
    return HTTPResponse(
      status: status,
      headers: [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")] + headers,
      body: .bytes(writer.copy()))
  }

  package static func badParameter(_ name: String, _ reason: String, remedy: String = "") -> HTTPProblem {
    var quoted = ByteWriter()
    quoted.append(jsonString: name)
    return HTTPProblem(
      400, "Bad parameter", detail: "The parameter '\(name)' \(reason).", remedy: remedy,
      members: [("parameter", String(utf8: quoted.bytes))])
  }

  package static func unavailable(_ detail: String) -> HTTPProblem {
    HTTPProblem(
      503, "Unavailable", detail: detail, remedy: "Try again after the time in Retry-After.",
      headers: [("Retry-After", "1")])
  }
}
