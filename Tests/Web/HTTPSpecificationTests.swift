// What is documented is what is served.

import Glibc
import Testing

@testable import Web

@Suite struct HTTPSpecificationTests {
  /// `SNAP_UPDATE=1` writes the JSON anew.
  @Test(arguments: ["openapi", "asyncapi"])
  func theServedJSONIsThatOfTheYAML(name: String) throws {
    let json = try HTTPSpecification.json(ofYAML: "\(HTTPSpecification.root)/schemas/\(name).yaml")
    let path = "\(HTTPSpecification.root)/Sources/Web/Resources/\(name).json"
    if getenv("SNAP_UPDATE") != nil { try HTTPSpecification.write(json, to: path) }
    #expect(try HTTPSpecification.read(path) == json, "run again with SNAP_UPDATE=1, then build")
    let edge = try EdgeFixture()
    #expect(try edge.client().get("/\(name).json").body == json)
  }

  @Test func everyRouteIsDocumentedAndEveryDocumentedOneServed() throws {
    let edge = try EdgeFixture()
    let documented = try HTTPSpecification.operations(inJSON: edge.client().get("/openapi.json").body)
    let pageFiles = Set(edge.server.assets.all.map(\.path)).subtracting(["/openapi.json", "/asyncapi.json"])
    var served: [String: [String]] = [:]
    for route in edge.server.routes where !pageFiles.contains(route.pattern) {
      served["\(route.method.lowercased()) \(route.pattern)"] = route.parameters
    }
    #expect(served.keys.sorted() == documented.keys.sorted())
    for (route, parameters) in served { #expect(documented[route]?.sorted() == parameters.sorted(), "\(route)") }
  }

  @Test func theSchemasAreThoseOfTheRepository() throws {
    let edge = try EdgeFixture()
    let client = try edge.client()
    let registry = String(
      decoding: try HTTPSpecification.read("\(HTTPSpecification.root)/schemas/registry.json"), as: UTF8.self)
    for subject in try client.get("/subjects").text.split(separator: "\"").filter({ $0.hasSuffix("-value") }) {
      let file = subject.dropLast("-value".count) + ".avsc"
      let bytes = try HTTPSpecification.read("\(HTTPSpecification.root)/schemas/\(file)")
      let answer = try client.get("/subjects/\(subject)/versions/latest").text
      let id = try #require(answer.split(separator: "\"id\":").last?.prefix { $0.isNumber })
      #expect(registry.contains("\"\(subject)\": {\"id\": \(id), \"version\": 1, \"file\": \"\(file)\"}"))
      let plain = String(decoding: bytes, as: UTF8.self)
      let escaped = plain.reduce(into: "") { $0 += $1 == "\n" ? "\\n" : $1 == "\"" ? "\\\"" : String($1) }
      #expect(answer.contains("\"schema\":\"\(escaped)\"}"), "\(subject)")
    }
  }
}
