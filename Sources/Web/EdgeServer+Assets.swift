// The page at `/`, and what it loads.

extension EdgeServer {
  var assetRoutes: [Route] {
    assets.all.map { asset in
      Route("GET", asset.path) { routed throws(HTTPProblem) in .respond(Self.response(asset, routed.request)) }
    }
  }

  /// The file, or 304 where the client has it. Nothing from another host is ever loaded, and no page may frame it.
  static func response(_ asset: Asset, _ request: HTTPRequest) -> HTTPResponse {
    var headers = [("ETag", asset.tag), ("Cache-Control", "no-cache")]
    if let known = request.header("If-None-Match"), isListed(asset.tag, in: known) {
      return HTTPResponse(status: 304, headers: headers)
    }
    headers.append(("Content-Type", asset.type))
    headers.append(
      ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"))
    headers.append(("Referrer-Policy", "no-referrer"))
    return HTTPResponse(headers: headers, body: .bytes(asset.bytes))
  }

  /// `If-None-Match` is a list of tags or `*`; weak tags compare as their strong form.
  private static func isListed(_ tag: String, in header: String) -> Bool {
    header.split(separator: ",").contains { item in
      let trimmed = item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
      let text = String(trimmed)
      return text == "*" || text == tag || text == "W/" + tag
    }
  }
}
