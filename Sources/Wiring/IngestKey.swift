// The key that opens ingest: a secret from a file, never from the topology, never printed.

import Foundation

enum IngestKey {
  static let bytesMin = 16

  static func read(_ path: String) throws(RuntimeError) -> String {
    guard let text = SecretFile.read(path) else { throw .edge("cannot read the key in edge.ingestKeyFile: \(path)") }
    let key = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard key.utf8.count >= bytesMin else {
      throw .edge("the key in \(path) must have \(bytesMin) characters or more")
    }
    return key
  }
}
