// The interface descriptions in schemas/: YAML for people, from which the JSON that the edge serves is made.

import CYAML
import Codecs
import Glibc

enum HTTPSpecification {
  struct Failure: Error { let reason: String }

  static let root = String(#filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined())

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw Failure(reason: "cannot open \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
    return bytes
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    guard let file = fopen(path, "w") else { throw Failure(reason: "cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  /// The YAML file as JSON, keys in the file's order, and all the values that lie at `paths.<path>.<method>`.
  static func json(ofYAML path: String) throws -> [UInt8] {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else { throw Failure(reason: "out of memory") }
    defer { yaml_parser_delete(&parser) }
    let bytes = try read(path)
    return try bytes.withUnsafeBufferPointer { buffer in
      yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      var document = yaml_document_t()
      guard yaml_parser_load(&parser, &document) == 1, let node = yaml_document_get_root_node(&document) else {
        throw Failure(reason: "\(path): line \(parser.problem_mark.line + 1): not YAML")
      }
      defer { yaml_document_delete(&document) }
      var writer = ByteWriter(capacity: 1 << 16)
      append(node.pointee, &document, indent: "\n", to: &writer)
      writer.append(utf8: "\n")
      return writer.copy()
    }
  }

  private static func append(
    _ node: yaml_node_t, _ document: inout yaml_document_t, indent: String, to writer: inout ByteWriter
  ) {
    let inner = indent + "  "
    switch node.type {
    case YAML_MAPPING_NODE:
      var pair = node.data.mapping.pairs.start
      var isFirst = true
      while let current = pair, current != node.data.mapping.pairs.top {
        writer.append(utf8: (isFirst ? "{" : ",") + inner)
        if let key = yaml_document_get_node(&document, current.pointee.key) {
          writer.append(jsonString: text(key.pointee))
        }
        writer.append(utf8: ": ")
        if let value = yaml_document_get_node(&document, current.pointee.value) {
          append(value.pointee, &document, indent: inner, to: &writer)
        }
        isFirst = false
        pair = current + 1
      }
      writer.append(utf8: isFirst ? "{}" : indent + "}")
    case YAML_SEQUENCE_NODE:
      var item = node.data.sequence.items.start
      var isFirst = true
      while let current = item, current != node.data.sequence.items.top {
        writer.append(utf8: (isFirst ? "[" : ",") + inner)
        if let value = yaml_document_get_node(&document, current.pointee) {
          append(value.pointee, &document, indent: inner, to: &writer)
        }
        isFirst = false
        item = current + 1
      }
      writer.append(utf8: isFirst ? "[]" : indent + "]")
    default:
      let value = text(node)
      let isPlain = node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
      if isPlain, ["true", "false", "null"].contains(value) || Int(value) != nil {
        writer.append(utf8: value)
      } else {
        writer.append(jsonString: value)
      }
    }
  }

  private static func text(_ node: yaml_node_t) -> String {
    let scalar = node.data.scalar
    return String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
  }

  /// Walks JSON and lists every operation: method, path, and the names of its query parameters.
  static func operations(inJSON json: [UInt8]) throws -> [String: [String]] {
    var operations: [String: [String]] = [:]
    var scanner = JSONScanner(json.span.bytes)
    // The names of the open objects and arrays; an array's entry is empty.
    var names: [String] = []
    var key = ""
    var parameter: (name: String, isQuery: Bool)?
    while true {
      switch try scanner.next() {
      case .key: key = String(utf8: scanner.text)
      case .objectStart:
        names.append(key)
        if names.count == 4, names[1] == "paths" { operations["\(names[3]) \(names[2])"] = [] }
        if names.count == 6, names[4] == "parameters" { parameter = ("", false) }
        key = ""
      case .arrayStart:
        names.append(key)
        key = ""
      case .string:
        if names.count == 6, names[4] == "parameters" {
          if key == "name" { parameter?.name = String(utf8: scanner.text) }
          if key == "in" { parameter?.isQuery = scanner.textIs("query") }
        }
      case .objectEnd, .arrayEnd:
        if names.count == 6, names[1] == "paths", let found = parameter {
          if found.isQuery { operations["\(names[3]) \(names[2])", default: []].append(found.name) }
          parameter = nil
        }
        names.removeLast()
      case .end: return operations
      default: break
      }
    }
  }
}
