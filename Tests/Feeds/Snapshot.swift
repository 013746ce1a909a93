// Tests as data: an input and what is expected of it stand in one file; `SNAP_UPDATE=1` rewrites the expectations.

import Foundation
import Testing

/// A text file of cases. Lines that begin with `< ` are inputs, the `> ` lines after each are what is expected of it;
/// all other lines are comments.
enum Snapshot {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static func check(_ path: String, _ output: (String) throws -> [String]) throws {
    let url = fixtures.appending(path: path)
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    var rewritten: [String] = []
    var cases = 0
    for (index, line) in lines.enumerated() where !line.hasPrefix("> ") {
      rewritten.append(String(line))
      guard line.hasPrefix("< ") else { continue }
      cases += 1
      let expected = lines[(index + 1)...].prefix { $0.hasPrefix("> ") }.map { String($0.dropFirst(2)) }
      let actual = try output(String(line.dropFirst(2)))
      rewritten += actual.map { "> \($0)" }
      if !isUpdating { #expect(actual == expected, "\(path):\(index + 1)") }
    }
    #expect(cases > 0, "\(path) holds no case")
    if isUpdating { try rewritten.joined(separator: "\n").write(to: url, atomically: true, encoding: .utf8) }
  }

  private static var isUpdating: Bool { ProcessInfo.processInfo.environment["SNAP_UPDATE"] == "1" }
}
