// Data frames as rows of a table.

internal import Codecs
internal import Events

/// Turns the JSON of data frames into rows of RFC 4180. The columns are fixed by the topic, so that a table has the
/// same ones whatever is in it; what a record lacks is empty, and a list is its JSON.
struct CSVTable {
  private let columns: [String]

  init(_ topic: Topic) {
    columns = ["key", "pos", "prev", "eventTime", "appendTime"] + Self.valueColumns(of: topic)
  }

  static func valueColumns(of topic: Topic) -> [String] {
    switch topic {
    case .ticks: ["kind", "source", "price", "volume", "side", "sequence"]
    case .latest:
      ["price", "previousPrice", "direction", "change24h", "changePercent24h", "volume24h", "sources"]
    case .candles:
      ["interval", "start", "open", "high", "low", "close", "volume", "vwap", "ticks", "revision", "isFinal"]
    case .sourceStatus: ["health", "since", "detail"]
    default: ["topic", "partition", "offset", "reason", "detail", "value"]
    }
  }

  func appendHeader(to writer: inout ByteWriter) {
    writer.append(utf8: columns.joined(separator: ","))
    writer.append(utf8: "\r\n")
  }

  func appendRow(of frame: RawSpan, to writer: inout ByteWriter) {
    var cells: [String: String] = [:]
    JSONMembers.forEach(of: frame) { name, value in
      if name == "value" {
        JSONMembers.forEach(of: value) { name, value in if cells[name] == nil { cells[name] = Self.cell(value) } }
      } else {
        cells[name] = Self.cell(value)
      }
    }
    for (index, column) in columns.enumerated() {
      if index > 0 { writer.append(UInt8(ascii: ",")) }
      writer.append(utf8: cells[column] ?? "")
    }
    writer.append(utf8: "\r\n")
  }

  /// A JSON value as a cell: text without its quotes, null as nothing, the rest as it is written.
  private static func cell(_ value: RawSpan) -> String {
    var text = String(utf8: value)
    if text == "null" { return "" }
    if text.hasPrefix("\"") { text = JSONMembers.text(of: value) }
    guard text.utf8.contains(where: { [UInt8(ascii: ","), UInt8(ascii: "\""), 10, 13].contains($0) }) else {
      return text
    }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

/// Reads back JSON that this process rendered itself.
private enum JSONMembers {
  /// Calls `body` with the name of each member of an object and its value as written.
  static func forEach(of object: RawSpan, _ body: (String, RawSpan) -> Void) {
    var scanner = JSONScanner(object)
    guard (try? scanner.next()) == .objectStart else { return }
    while (try? scanner.next()) == .key {
      let name = String(utf8: scanner.text)
      let start = scanner.position
      guard (try? scanner.skipValue()) != nil else { return }
      body(name, object.extracting(start..<scanner.position))
    }
  }

  static func text(of value: RawSpan) -> String {
    var scanner = JSONScanner(value)
    guard (try? scanner.next()) == .string else { return "" }
    return String(utf8: scanner.text)
  }
}
