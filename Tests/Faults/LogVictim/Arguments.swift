// The victim's command line: one verb, then `--name value`.

/// Thrown for a command line that cannot be meant; the text is for a person.
struct UsageError: Error {
  let text: String
}

/// The words behind the verb, each name with one value.
struct Arguments {
  private var values: [String: String] = [:]

  init(_ words: ArraySlice<String>) throws(UsageError) {
    var words = words
    while let name = words.popFirst() {
      guard name.hasPrefix("--"), let value = words.popFirst() else { throw UsageError(text: "what is \(name)?") }
      values[String(name.dropFirst(2))] = value
    }
  }

  func text(_ name: String) throws(UsageError) -> String {
    guard let value = values[name] else { throw UsageError(text: "--\(name) is missing") }
    return value
  }

  func optional(_ name: String) -> String? { values[name] }

  func number(_ name: String, _ standard: Int) throws(UsageError) -> Int {
    guard let value = values[name] else { return standard }
    guard let number = Int(value) else { throw UsageError(text: "--\(name) \(value) is no number") }
    return number
  }
}
