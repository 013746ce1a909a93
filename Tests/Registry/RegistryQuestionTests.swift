// What the answers of a schema registry mean, by question.

import Testing

@testable import Registry

@Suite struct RegistryQuestionTests {
  private static let schema = TopicSchema(topic: "t.v1", text: Array(#"{"type":"string"}"#.utf8))

  private func outcome(
    _ kind: RegistryQuestion.Kind, _ status: Int, code: Int? = nil, isLoggedIn: Bool = false
  ) -> RegistryQuestion.Outcome {
    let body = code.map { #"{"error_code":\#($0),"message":"m"}"# } ?? #"{"id":7,"schema":"{\"type\":\"string\"}"}"#
    return RegistryQuestion(kind: kind, schema: Self.schema)
      .outcome(of: HTTPAnswer(status: status, body: Array(body.utf8)), isLoggedIn: isLoggedIn)
  }

  @Test(arguments: [RegistryQuestion.Kind.lookUp, .newest, .register])
  func eachStatusHasItsMeaning(kind: RegistryQuestion.Kind) {
    #expect(outcome(kind, 200) == .id(7))
    for status in [408, 429, 500, 502, 503, 504] {
      #expect(outcome(kind, status, code: status) == .busy("answers HTTP \(status), \"m\""))
    }
    for (status, code, remedy) in [
      (301, 0, "schemaRegistry.url"), (401, 401, "give schemaRegistry.basicAuth"), (403, 40301, "right"),
      (404, 404, "schemaRegistry.url must be the root"), (405, 405, "schemaRegistry.url must be the root"),
      (409, 409, "delete that subject"), (422, 42201, "does not accept schemas/t.v1.avsc"),
      (422, 42205, "register schemas/t.v1.avsc under t.v1-value"), (400, 400, "answers HTTP 400"),
    ] {
      guard case .refused(let reason) = outcome(kind, status, code: code) else {
        Issue.record("\(kind) \(status) is not refused")
        continue
      }
      #expect(reason.contains(remedy), "\(kind) \(status): \(reason)")
    }
    #expect(outcome(kind, 401, isLoggedIn: true) != outcome(kind, 401))
  }

  /// Only who asks whether it is there may be told that it is not.
  @Test func whatIsMissingIsNoErrorOfALookUp() {
    for code in [40401, 40402, 40403] {
      #expect(outcome(.lookUp, 404, code: code) == .missing && outcome(.newest, 404, code: code) == .missing)
      #expect(outcome(.register, 404, code: code) != .missing)
    }
  }

  @Test func foreignTextIsOneBoundedLine() {
    let text = RegistryFields.plain("a\nb\u{1b}[2J\u{7f}" + String(repeating: "x", count: 1000))
    #expect(text.hasPrefix("a b [2J x") && text.count == 300)
  }
}
