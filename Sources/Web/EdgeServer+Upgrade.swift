// GET /v1/stream: the WebSocket's handshake (RFC 6455, 4.2).

import Codecs

extension EdgeServer {
  var upgradeRoutes: [Route] {
    [
      Route("GET", "/v1/stream") { [self] routed throws(HTTPProblem) in .respond(try upgrade(routed.request)) }
    ]
  }

  private var adopt: (@Sendable (Int32, [UInt8]) -> Void)? {
    guard let streamServer else { return configuration.adopt }
    return { descriptor, bytes in streamServer.adopt(descriptor: descriptor, initialBytes: bytes) }
  }

  private func upgrade(_ request: HTTPRequest) throws(HTTPProblem) -> HTTPResponse {
    guard let adopt = adopt else { throw .unavailable("This server has no streams.") }
    guard request.method == "GET", request.lists("websocket", in: "Upgrade"), request.lists("upgrade", in: "Connection")
    else {
      throw HTTPProblem(
        426, "WebSocket expected", detail: "This resource is a WebSocket.",
        remedy: "Connect with a WebSocket client, or read /v1/streams/{stream}.",
        headers: [("Upgrade", "websocket"), ("Connection", "Upgrade")])
    }
    guard request.headerCount("Sec-WebSocket-Version") == 1, request.header("Sec-WebSocket-Version") == "13" else {
      throw HTTPProblem(
        426, "Unknown version", detail: "The only version of WebSocket that is spoken here is 13.",
        headers: [("Sec-WebSocket-Version", "13")])
    }
    if case .refused(let origin) = origins.verdict(on: request) {
      throw HTTPProblem(
        403, "Origin refused", detail: "Pages of \(origin) may not connect here.",
        remedy: "Add the origin to edge.allowedOrigins.")
    }
    var headers = [("Upgrade", "websocket"), ("Sec-WebSocket-Accept", try accept(request))]
    if let offered = request.header("Sec-WebSocket-Protocol") {
      guard request.lists("millrace.v1", in: "Sec-WebSocket-Protocol") else {
        throw HTTPProblem(
          400, "Unknown subprotocol", detail: "None of '\(offered)' is spoken here.", remedy: "Offer millrace.v1.")
      }
      headers.append(("Sec-WebSocket-Protocol", "millrace.v1"))
    }
    return HTTPResponse(status: 101, headers: headers, body: .upgrade(adopt))
  }

  private func accept(_ request: HTTPRequest) throws(HTTPProblem) -> String {
    let problem = HTTPProblem(
      400, "Bad handshake", detail: "Sec-WebSocket-Key must be there once, the base64 of 16 bytes.")
    guard request.headerCount("Sec-WebSocket-Key") == 1, let key = request.header("Sec-WebSocket-Key") else {
      throw problem
    }
    var accept = ByteWriter()
    do throws(CodecError) {
      try unsafe WebSocketHandshake.appendAccept(forKey: key.utf8.span.bytes, to: &accept)
    } catch {
      throw problem
    }
    return String(utf8: accept.bytes)
  }
}

extension HTTPRequest {
  /// Whether a header field, which is a list, has `token`; compared without case.
  func lists(_ token: StaticString, in name: StaticString) -> Bool {
    headers.contains { header in
      header.name.equalsIgnoringCase(name)
        && header.value.split(separator: ",").contains { item in
          String(item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }).equalsIgnoringCase(token)
        }
    }
  }
}
