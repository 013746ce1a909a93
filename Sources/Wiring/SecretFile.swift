// A secret on one line of a file: never in the topology, never printed.

import Foundation

enum SecretFile {
  /// A secret is one line; more is not one.
  static let bytesMax = 4096

  /// The file's text without the end of its line; nil if it cannot be read or is no secret.
  static func read(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count <= bytesMax,
      let text = String(validating: data, as: UTF8.self)
    else { return nil }
    return text.last?.isNewline == true ? String(text.dropLast()) : text
  }
}
