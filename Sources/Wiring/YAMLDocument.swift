// YAML text -> a tree in which every value knows its line and column. The one file that touches libyaml.

internal import CYAML

/// Where a value stands in its file; both count from 1.
package struct YAMLMark: Equatable, Sendable {
  package var line: Int
  package var column: Int
}

/// A value of a YAML file. Scalars are text: what they mean is decided by whoever reads the key.
package indirect enum YAMLNode: Sendable {
  case scalar(String, YAMLMark)
  case sequence([YAMLNode], YAMLMark)
  case mapping([(key: String, keyMark: YAMLMark, value: YAMLNode)], YAMLMark)

  package var mark: YAMLMark {
    switch self {
    case .scalar(_, let mark), .sequence(_, let mark), .mapping(_, let mark): mark
    }
  }
}

/// What is wrong with a file, and where: shown to the person who wrote it.
package struct YAMLError: Error, Equatable, Sendable {
  package var mark: YAMLMark
  package var message: String
}

package enum YAMLDocument {
  /// A topology is a page; more than this is a mistake, and aliases could make much of little.
  static let nodesMax = 10_000
  static let depthMax = 32

  /// Parses one document. An empty one is an empty mapping.
  package static func parse(_ text: String) throws(YAMLError) -> YAMLNode {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else {
      throw YAMLError(mark: YAMLMark(line: 1, column: 1), message: "out of memory")
    }
    defer { unsafe yaml_parser_delete(&parser) }
    var bytes = Array(text.utf8)
    bytes.append(0)  // So that an empty file has an address too; it is not counted below.
    let result: Result<YAMLNode, YAMLError> = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count - 1)
      var document = unsafe yaml_document_t()
      guard unsafe yaml_parser_load(&parser, &document) == 1 else { return .failure(unsafe problem(of: parser)) }
      defer { unsafe yaml_document_delete(&document) }
      guard let root = unsafe yaml_document_get_root_node(&document) else {
        return .success(.mapping([], YAMLMark(line: 1, column: 1)))
      }
      var budget = nodesMax
      do throws(YAMLError) {
        return .success(try unsafe convert(root.pointee, in: &document, depth: 0, budget: &budget))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func problem(of parser: yaml_parser_t) -> YAMLError {
    let mark = unsafe YAMLMark(line: Int(parser.problem_mark.line) + 1, column: Int(parser.problem_mark.column) + 1)
    let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "not YAML"
    let context = unsafe parser.context.map { unsafe " " + String(cString: $0) } ?? ""
    return YAMLError(mark: mark, message: problem + context)
  }

  private static func convert(
    _ node: yaml_node_t, in document: inout yaml_document_t, depth: Int, budget: inout Int
  ) throws(YAMLError) -> YAMLNode {
    let mark = unsafe YAMLMark(line: Int(node.start_mark.line) + 1, column: Int(node.start_mark.column) + 1)
    budget -= 1
    guard budget > 0, depth < depthMax else { throw YAMLError(mark: mark, message: "nested too deep, or too much") }
    if unsafe node.type == YAML_SCALAR_NODE { return .scalar(unsafe text(of: node), mark) }
    if unsafe node.type == YAML_SEQUENCE_NODE {
      var items: [YAMLNode] = []
      let range = unsafe node.data.sequence.items
      let count = unsafe range.top - range.start
      for index in 0..<count {
        guard let item = unsafe yaml_document_get_node(&document, range.start[index]) else { continue }
        items.append(try unsafe convert(item.pointee, in: &document, depth: depth + 1, budget: &budget))
      }
      return .sequence(items, mark)
    }
    return try unsafe mapping(node, mark, in: &document, depth: depth, budget: &budget)
  }

  private static func mapping(
    _ node: yaml_node_t, _ mark: YAMLMark, in document: inout yaml_document_t, depth: Int, budget: inout Int
  ) throws(YAMLError) -> YAMLNode {
    var pairs: [(key: String, keyMark: YAMLMark, value: YAMLNode)] = []
    let range = unsafe node.data.mapping.pairs
    let count = unsafe range.top - range.start
    for index in 0..<count {
      let pair = unsafe range.start[index]
      guard let keyNode = unsafe yaml_document_get_node(&document, pair.key),
        let valueNode = unsafe yaml_document_get_node(&document, pair.value)
      else { continue }
      let keyMark = unsafe YAMLMark(
        line: Int(keyNode.pointee.start_mark.line) + 1, column: Int(keyNode.pointee.start_mark.column) + 1)
      guard unsafe keyNode.pointee.type == YAML_SCALAR_NODE else {
        throw YAMLError(mark: keyMark, message: "a key must be plain text")
      }
      let key = unsafe text(of: keyNode.pointee)
      if pairs.contains(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
        throw YAMLError(mark: keyMark, message: "\"\(key)\" is given twice")
      }
      let value = try unsafe convert(valueNode.pointee, in: &document, depth: depth + 1, budget: &budget)
      pairs.append((key, keyMark, value))
    }
    return .mapping(pairs, mark)
  }

  private static func text(of node: yaml_node_t) -> String {
    let scalar = unsafe node.data.scalar
    return unsafe String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
  }
}
