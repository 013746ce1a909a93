// Which handler answers which request: one table, the same that `schemas/openapi.yaml` documents.

/// What a handler is given: the request, and what its path pattern captured.
package struct RoutedRequest: Sendable {
  package let request: HTTPRequest
  /// The captured values, in the pattern's order.
  package let captures: [String]

  package func parameter(_ name: String) -> String? { request.parameter(name) }
}

/// One row of the table.
package struct Route: Sendable {
  package typealias Handler = @Sendable (RoutedRequest) throws(HTTPProblem) -> HTTPOutcome

  package let method: String
  /// Such as `/v1/candles/{instrument}`. A name in braces captures one segment; `{instrument}`, which comes last,
  /// captures one or two, because an instrument's name has a slash.
  package let pattern: String
  /// The query parameters that it knows; any other is refused.
  package let parameters: [String]
  /// Whether it changes anything, which takes a right.
  package let writes: Bool
  package let handler: Handler
  fileprivate let segments: [Substring]

  /// With `isQuestion`, a method other than GET changes nothing either.
  package init(
    _ method: String, _ pattern: String, parameters: [String] = [], isQuestion: Bool = false,
    _ handler: @escaping Handler
  ) {
    self.method = method
    writes = method != "GET" && !isQuestion
    self.pattern = pattern
    self.parameters = parameters
    self.handler = handler
    segments = pattern.split(separator: "/")
  }

  fileprivate func captures(of path: [String]) -> [String]? {
    let takesTwo = segments.last == "{instrument}" && path.count == segments.count + 1
    guard path.count == segments.count || takesTwo else { return nil }
    var captures: [String] = []
    for (index, segment) in segments.enumerated() {
      if segment.utf8.first == UInt8(ascii: "{") {
        captures.append(takesTwo && index == segments.count - 1 ? "\(path[index])/\(path[index + 1])" : path[index])
      } else if !segment.utf8.elementsEqual(path[index].utf8) {
        return nil
      }
    }
    return captures
  }
}

/// Finds the route of a request, or the problem with it.
package struct RouteTable: Sendable {
  package let routes: [Route]

  package init(_ routes: [Route]) { self.routes = routes }

  /// The methods that the path allows, in the table's order; empty where the path is unknown.
  package func methods(of path: [String]) -> [String] {
    var methods: [String] = []
    for route in routes where route.captures(of: path) != nil && !methods.contains(route.method) {
      methods.append(route.method)
      if route.method == "GET" { methods.append("HEAD") }
    }
    return methods.isEmpty ? [] : methods + ["OPTIONS"]
  }

  /// The pattern that the path has, whatever the method.
  package func pattern(of path: [String]) -> String? { routes.first { $0.captures(of: path) != nil }?.pattern }

  /// The route for the request and what it captured. HEAD is answered as GET; the body is left out when sending.
  package func match(_ request: HTTPRequest) throws(HTTPProblem) -> (route: Route, routed: RoutedRequest) {
    let method = request.method == "HEAD" ? "GET" : request.method
    for route in routes where route.method == method {
      guard let captures = route.captures(of: request.path) else { continue }
      for parameter in request.query where !route.parameters.contains(parameter.name) {
        throw .badParameter(
          parameter.name, "is not known here",
          remedy: route.parameters.isEmpty
            ? "This resource takes no parameters." : "Known are: \(route.parameters.joined(separator: ", ")).")
      }
      return (route, RoutedRequest(request: request, captures: captures))
    }
    let allowed = methods(of: request.path)
    if allowed.isEmpty {
      throw HTTPProblem(
        404, "Not found", detail: "There is nothing at /\(request.path.joined(separator: "/")).",
        remedy: "/openapi.json lists what there is.")
    }
    throw HTTPProblem(
      405, "Method not allowed", detail: "\(request.method) is not possible here.",
      remedy: "Allowed are \(allowed.joined(separator: ", ")).",
      headers: [("Allow", allowed.joined(separator: ", "))])
  }
}
