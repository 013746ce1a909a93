// The key that opens ingest: a secret from a file, never from the topology, never printed.

import Foundation

enum IngestKey {
  /// A key is one line; more is not a key.
  static let bytesMax = 4096
  static let bytesMin = 16

  static func read(_ path: String) throws(RuntimeError) -> String {
    guard let data = FileManager.default.contents(atPath: path), data.count <= bytesMax,
      let text = String(validating: data, as: UTF8.self)
    else { throw .edge("cannot read the key in edge.ingestKeyFile: \(path)") }
    let key = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard key.utf8.count >= bytesMin else {
      throw .edge("the key in \(path) must have \(bytesMin) characters or more")
    }
    return key
  }
}
