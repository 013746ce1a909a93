// A secret on one line of a file: never in the topology, never printed.

import Core
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

  /// A password: `value`, of the environment, or what is in `file`; nil with neither.
  static func secret(_ value: String?, orIn file: String?) throws -> Secret? {
    if let value { return Secret(value) }
    guard let file else { return nil }
    guard let text = read(file), !text.isEmpty else {
      throw CommandFailure(code: .missingInput, message: "cannot read a password from \(file)")
    }
    return Secret(text)
  }
}
