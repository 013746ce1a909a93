// Query parameters as values: moments, positions, counts, lists.

import Core
import Events

extension RoutedRequest {
  /// A moment: RFC 3339, or integer milliseconds since 1970.
  func moment(_ name: String) throws(HTTPProblem) -> Timestamp? {
    guard let text = parameter(name) else { return nil }
    if let nanos = RFC3339.parse(text) { return Timestamp(nanos: nanos) }
    if let millis = Int64(text) { return Timestamp(millis: millis) }
    throw .badParameter(
      name, "is no moment", remedy: "Write 2026-11-21T03:29:33.125Z, or whole milliseconds since 1970.")
  }

  /// A whole number from 1 to `max`.
  func count(_ name: String, max: Int, whenMissing: Int) throws(HTTPProblem) -> Int {
    guard let text = parameter(name) else { return whenMissing }
    guard let count = Int(text), count >= 1, count <= max else {
      throw .badParameter(name, "is not a whole number from 1 to \(max)")
    }
    return count
  }

  /// Names with commas between them; nil where the parameter is missing or `*`.
  func names(_ name: String) throws(HTTPProblem) -> [String]? {
    guard let text = parameter(name), text != "*" else { return nil }
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard names.count <= Limits.namedKeysMax else {
      throw .badParameter(name, "has more than \(Limits.namedKeysMax) names")
    }
    guard !names.contains(where: { $0.isEmpty || $0.utf8.count > Limits.keyBytesMax }) else {
      throw .badParameter(name, "has an empty or overlong name")
    }
    return names
  }

  /// The instrument in the path, in the topics' spelling.
  func instrument() throws(HTTPProblem) -> String {
    let name = InstrumentAlias.resolve(captures.last ?? "")
    guard name.utf8.count <= Limits.keyBytesMax, name.utf8.contains(UInt8(ascii: "/")) else {
      throw HTTPProblem(
        404, "Unknown instrument", detail: "'\(name)' is no instrument's name.",
        remedy: "Write BASE/QUOTE or BASE-QUOTE, such as BTC/USD; /v1/prices lists what there is.")
    }
    return name
  }
}

/// The spelling of an instrument that needs no escape in a path.
enum InstrumentAlias {
  /// `BTC-USD` is `BTC/USD`; only the first dash counts, and only where there is no slash (`BTC-USD-220527`).
  static func resolve(_ name: String) -> String {
    guard !name.utf8.contains(UInt8(ascii: "/")), let dash = name.firstIndex(of: "-") else { return name }
    return name.replacingCharacters(at: dash, with: "/")
  }
}

extension String {
  fileprivate func replacingCharacters(at index: Index, with text: String) -> String {
    String(self[..<index]) + text + String(self[self.index(after: index)...])
  }
}
