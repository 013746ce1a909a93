// A request as the handlers see it: parsed once, decoded once, independent of the library that read it.

/// One complete HTTP request.
package struct HTTPRequest: Sendable {
  /// As it came: `GET`, `POST` ...
  package var method: String
  /// The path's segments, each percent-decoded once; an escaped slash stays inside its segment.
  package var path: [String]
  /// The query's parameters in their order, percent-decoded once. A plus sign is a plus sign, as moments need it.
  package var query: [(name: String, value: String)]
  /// Header fields in their order, names as they came.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8] = []
  /// The client is on this machine (or a proxy is, that speaks for it).
  package var isLocal = false

  package init(
    method: String, path: [String], query: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
  }

  /// The first value of the header field; names compare without case.
  package func header(_ name: StaticString) -> String? {
    headers.first { $0.name.equalsIgnoringCase(name) }?.value
  }

  /// How often the header field occurs.
  package func headerCount(_ name: StaticString) -> Int {
    headers.count { $0.name.equalsIgnoringCase(name) }
  }

  /// The value of a query parameter. Names compare as bytes.
  package func parameter(_ name: String) -> String? {
    query.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }
}

extension HTTPRequest {
  /// A body will follow, of whatever length.
  var announcesBody: Bool {
    header("Transfer-Encoding") != nil || header("Content-Length").map { $0 != "0" } ?? false
  }

  /// Throws where another reader of the same bytes, such as a proxy, could see another request (RFC 9112, 6.3).
  func checkFraming() throws(HTTPProblem) {
    if !headers.allSatisfy({ $0.name.isToken && !$0.value.utf8.contains { $0 < 0x20 && $0 != 0x09 } }) {
      throw HTTPProblem(400, "Malformed header", detail: "A header field breaks the grammar of HTTP.")
    }
    if headerCount("Host") > 1 || headerCount("Content-Length") > 1 || headerCount("Transfer-Encoding") > 1 {
      throw HTTPProblem(400, "Ambiguous request", detail: "A header field that may occur once occurs more often.")
    }
    guard let encoding = header("Transfer-Encoding") else { return }
    if headerCount("Content-Length") > 0 {
      throw HTTPProblem(400, "Ambiguous request", detail: "Content-Length and Transfer-Encoding exclude each other.")
    }
    if !encoding.equalsIgnoringCase("chunked") {
      throw HTTPProblem(400, "Unknown encoding", detail: "The only Transfer-Encoding that is understood is chunked.")
    }
  }
}

extension String {
  /// A token of HTTP's grammar, as the name of a header field must be.
  var isToken: Bool {
    !utf8.isEmpty
      && utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x5e...0x7a, 0x7c, 0x7e, 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e: true
        default: false
        }
      }
  }

  /// ASCII comparison without case.
  package func equalsIgnoringCase(_ other: StaticString) -> Bool {
    guard utf8.count == other.utf8CodeUnitCount else { return false }
    var index = 0
    for byte in utf8 {
      let expected = unsafe other.utf8Start[index]
      index += 1
      if byte == expected { continue }
      guard byte | 0x20 == expected | 0x20, (0x61...0x7a).contains(byte | 0x20) else { return false }
    }
    return true
  }
}
