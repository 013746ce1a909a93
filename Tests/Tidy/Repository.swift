// The repository as the tidy tests see it: tracked files and their lines.

import Foundation

/// A source file of this package.
struct SourceFile: Sendable {
  /// Relative to the package's root, such as `Sources/Log/EventLog.swift`.
  let path: String
  let lines: [String]

  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
}

enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func swiftFiles(under folder: String) -> [SourceFile] {
    let base = root.appending(path: folder)
    guard let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
    var files: [SourceFile] = []
    for case let url as URL in walker where url.pathExtension == "swift" {
      guard let text = try? String(contentsOf: url, encoding: .utf8) else { continue }
      let path = String(url.path(percentEncoded: false).dropFirst(root.path(percentEncoded: false).count))
      let relative = path.hasPrefix("/") ? String(path.dropFirst()) : path
      files.append(
        SourceFile(
          path: relative,
          lines: text.split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)))
    }
    return files.sorted { $0.path < $1.path }
  }

  static let sources = swiftFiles(under: "Sources")
  static let tests = swiftFiles(under: "Tests")

  /// The lines that break a rule, as `path:line: text`, so that a failure names every place at once.
  static func offences(in files: [SourceFile], _ breaks: (String) -> Bool) -> [String] {
    files.flatMap { file in
      file.lines.enumerated().filter { breaks($0.element) }.map { "\(file.path):\($0.offset + 1): \($0.element)" }
    }
  }
}

extension String {
  /// The line without its comment and without what stands in quotes, so that words in texts do not count as code.
  var code: String {
    var result = ""
    var inText = false
    var previous: Character = " "
    for character in self {
      if character == "\"", previous != "\\" { inText.toggle() }
      if !inText {
        if character == "/", previous == "/" { return String(result.dropLast()) }
        result.append(character)
      }
      previous = character
    }
    return result
  }

  func contains(pattern: String) -> Bool { range(of: pattern, options: .regularExpression) != nil }
}
