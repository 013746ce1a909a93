// How the body of an ingest request is written.

import Codecs

/// One JSON document, or one JSON object a line.
package enum IngestFormat: Sendable {
  /// An object, or an array of objects.
  case json
  /// NDJSON: an object a line.
  case lines

  /// By the media type where it is one of JSON's; by looking at the body otherwise, since `curl -d` sends a form's
  /// type.
  package init(contentType: String?, body: RawSpan) {
    let type = contentType?.split(separator: ";").first?.split(separator: " ").first?.lowercased()
    switch type {
    case "application/json": self = .json
    case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines": self = .lines
    default: self = Self.looksLikeLines(body) ? .lines : .json
    }
  }

  /// A first line that is an object from `{` to `}`, with more behind it.
  private static func looksLikeLines(_ body: RawSpan) -> Bool {
    var first: UInt8 = 0
    var last: UInt8 = 0
    for index in 0..<body.byteCount {
      let byte = unsafe body.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: "\n"), first != 0 { break }
      guard byte > 0x20 else { continue }
      if first == 0 { first = byte }
      last = byte
    }
    return first == UInt8(ascii: "{") && last == UInt8(ascii: "}")
  }
}
