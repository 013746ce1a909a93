// Avro binary <-> JSON text of the same record: its fields by their names, and nothing lost either way.
//
//   int, long      number              decimal   number with exactly its digits      enum     symbol
//   boolean        true, false         bytes     string in base64url                 union    null or the value
//
// Written in the schema's order and without white space; read in any order, with null for what may be absent.

extension AvroRecord {
  /// Appends as JSON the record that `reader` stands at. `output` is empty or ends where a value may begin.
  @_lifetime(reader: copy reader)
  func appendJSON(from reader: inout ByteReader, to output: inout ByteWriter) throws(CodecError) {
    output.beginObject()
    for field in fields {
      output.field(field.name)
      try field.type.appendJSON(from: &reader, to: &output)
    }
    output.endObject()
  }

  /// Appends in Avro binary the object whose opening bracket `scanner` gave last. A field that is missing, unknown or
  /// there twice is an error.
  @_lifetime(scanner: copy scanner)
  func appendAvro(from scanner: inout JSONScanner, to output: inout ByteWriter) throws(CodecError) {
    // As they come; then in the schema's order.
    var members = ByteWriter(capacity: 256)
    var places = [Range<Int>?](repeating: nil, count: fields.count)
    while try scanner.next() == .key {
      guard let index = index(of: scanner), places[index] == nil else {
        throw .malformed(at: scanner.position, reason: "a field that the schema does not have, or one twice")
      }
      let start = members.count
      let token = try scanner.next()
      try fields[index].type.appendAvro(token, from: &scanner, to: &members)
      places[index] = start..<members.count
    }
    for (field, place) in zip(fields, places) {
      if let place {
        output.append(members.bytes.extracting(place))
      } else if case .optional = field.type {
        output.append(varint: 0)
      } else {
        throw .malformed(at: scanner.position, reason: "a value without its field \(field.name)")
      }
    }
  }

  private func index(of scanner: borrowing JSONScanner) -> Int? {
    for index in fields.indices where scanner.textIs(fields[index].name) { return index }
    return nil
  }
}

extension AvroType {
  @_lifetime(reader: copy reader)
  fileprivate func appendJSON(from reader: inout ByteReader, to output: inout ByteWriter) throws(CodecError) {
    let start = reader.position
    switch self {
    case .boolean: output.append(utf8: try reader.readAvroBoolean() ? "true" : "false")
    case .int, .long: output.append(integer: try reader.readVarint())
    case .string:
      let text = try reader.readAvroBytes()
      guard text.isUTF8 else { throw .malformed(at: start, reason: "a string that is not UTF-8") }
      output.append(jsonString: text)
    case .bytes:
      output.append(UInt8(ascii: "\""))
      output.append(base64URL: try reader.readAvroBytes())
      output.append(UInt8(ascii: "\""))
    case .decimal(let scale): output.append(decimal: try reader.readAvroDecimal(), scale: scale)
    case .enumeration(let symbols):
      let index = try reader.readAvroEnum(count: symbols.count)
      output.append(UInt8(ascii: "\""))
      output.append(utf8: symbols[Int(index)])
      output.append(UInt8(ascii: "\""))
    case .optional(let type):
      if try reader.readAvroOptional() {
        try type.appendJSON(from: &reader, to: &output)
      } else {
        output.append(utf8: "null")
      }
    case .records(let record):
      output.beginArray()
      try Self.forEachItem(of: &reader) { (reader) throws(CodecError) in
        try record.appendJSON(from: &reader, to: &output)
      }
      output.endArray()
    }
  }

  /// Calls `body` where each item of an array begins; its blocks may be several, and of any size.
  @_lifetime(reader: copy reader)
  private static func forEachItem(
    of reader: inout ByteReader, _ body: (inout ByteReader) throws(CodecError) -> Void
  ) throws(CodecError) {
    while true {
      var count = try reader.readVarint()
      if count == 0 { return }
      if count < 0 {
        // A negative count is followed by the block's size, which only those need who skip it.
        _ = try reader.readVarint()
        count = count == .min ? .max : -count
      }
      // Ends with the bytes at the latest: a record has a field, and a field a byte.
      for _ in 0..<count { try body(&reader) }
    }
  }

  /// Appends in Avro binary the value that began with `token`.
  @_lifetime(scanner: copy scanner)
  fileprivate func appendAvro(
    _ token: JSONToken, from scanner: inout JSONScanner, to output: inout ByteWriter
  ) throws(CodecError) {
    switch (self, token) {
    case (.boolean, .true): output.append(avroBoolean: true)
    case (.boolean, .false): output.append(avroBoolean: false)
    case (.int, .number): output.append(varint: Int64(try Self.integer(Int32.self, scanner)))
    case (.long, .number): output.append(varint: try Self.integer(Int64.self, scanner))
    case (.string, .string): output.append(avroBytes: scanner.text)
    case (.bytes, .string):
      var bytes = ByteWriter()
      try Base64URL.decode(scanner.text, into: &bytes)
      output.append(avroBytes: bytes.bytes)
    case (.decimal(let scale), .number): output.append(avroDecimal: try DecimalText.parse(scanner.text, scale: scale))
    case (.enumeration(let symbols), .string): output.append(varint: try Self.index(of: scanner, among: symbols))
    case (.optional, .null): output.append(varint: 0)
    case (.optional(let type), _):
      output.append(varint: 1)
      try type.appendAvro(token, from: &scanner, to: &output)
    case (.records(let record), .arrayStart):
      // One block with all items, then the empty one that ends an array.
      var items = ByteWriter()
      var count: Int64 = 0
      var token = try scanner.next()
      while token == .objectStart {
        try record.appendAvro(from: &scanner, to: &items)
        count += 1
        token = try scanner.next()
      }
      guard token == .arrayEnd else { throw Self.mismatch(scanner) }
      if count > 0 { output.append(varint: count) }
      output.append(items.bytes)
      output.append(varint: 0)
    default: throw Self.mismatch(scanner)
    }
  }

  private static func integer<Number: FixedWidthInteger>(
    _ type: Number.Type, _ scanner: borrowing JSONScanner
  ) throws(CodecError) -> Number {
    guard let number = Number(exactly: try DecimalText.parse(scanner.text, scale: 0)) else { throw mismatch(scanner) }
    return number
  }

  private static func index(
    of scanner: borrowing JSONScanner, among symbols: [StaticString]
  ) throws(CodecError) -> Int64 {
    for index in symbols.indices where scanner.textIs(symbols[index]) { return Int64(index) }
    throw mismatch(scanner)
  }

  private static func mismatch(_ scanner: borrowing JSONScanner) -> CodecError {
    .malformed(at: scanner.position, reason: "another value than the schema has here")
  }
}
