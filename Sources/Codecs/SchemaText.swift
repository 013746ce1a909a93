// Schemas as clients send them: the same ones, however they are written.

package enum SchemaText {
  /// The schema in the body of a request about one, in canonical form; nil where there is none that is JSON.
  package static func sent(in body: RawSpan) -> [UInt8]? {
    var scanner = JSONScanner(body)
    var found: [UInt8]?
    do throws(CodecError) {
      guard try scanner.next() == .objectStart else { return nil }
      while try scanner.next() == .key {
        guard scanner.textIs("schema") else {
          try scanner.skipValue()
          continue
        }
        guard try scanner.next() == .string else { return nil }
        found = canonical(scanner.text)
      }
    } catch {
      return nil
    }
    return found
  }

  /// The JSON in `text` without white space and documentation, and with each object's members in the order of their
  /// names; nil for what is none. Two schemas of one such form read each other's bytes.
  package static func canonical(_ text: RawSpan) -> [UInt8]? {
    var scanner = JSONScanner(text)
    var output = ByteWriter()
    do throws(CodecError) {
      let token = try scanner.next()
      try append(token, from: &scanner, to: &output)
      return try scanner.next() == .end ? output.copy() : nil
    } catch {
      return nil
    }
  }

  /// Appends the value that began with `token`; the scanner bounds how deep this goes.
  @_lifetime(scanner: copy scanner)
  private static func append(
    _ token: JSONToken, from scanner: inout JSONScanner, to output: inout ByteWriter
  ) throws(CodecError) {
    switch token {
    case .string: output.append(jsonString: scanner.text)
    case .number: output.append(scanner.rawText)
    case .true: output.append(utf8: "true")
    case .false: output.append(utf8: "false")
    case .null: output.append(utf8: "null")
    case .arrayStart:
      output.append(UInt8(ascii: "["))
      var token = try scanner.next()
      while token != .arrayEnd {
        try append(token, from: &scanner, to: &output)
        output.append(UInt8(ascii: ","))
        token = try scanner.next()
      }
      output.append(UInt8(ascii: "]"))
    case .objectStart: try appendMembers(from: &scanner, to: &output)
    case .objectEnd, .arrayEnd, .key, .end: throw .malformed(at: scanner.position, reason: "no value")
    }
  }

  @_lifetime(scanner: copy scanner)
  private static func appendMembers(
    from scanner: inout JSONScanner, to output: inout ByteWriter
  ) throws(CodecError) {
    var members: [(name: [UInt8], value: [UInt8])] = []
    while try scanner.next() == .key {
      if scanner.textIs("doc") {
        try scanner.skipValue()
        continue
      }
      let name = [UInt8](scanner.text)
      var value = ByteWriter()
      let token = try scanner.next()
      try append(token, from: &scanner, to: &value)
      members.append((name, value.copy()))
    }
    members.sort { $0.name.lexicographicallyPrecedes($1.name) }
    output.append(UInt8(ascii: "{"))
    for member in members {
      output.append(jsonString: unsafe member.name.span.bytes)
      output.append(UInt8(ascii: ":"))
      output.append(unsafe member.value.span.bytes)
      output.append(UInt8(ascii: ","))
    }
    output.append(UInt8(ascii: "}"))
  }
}
