// How the values of a topic are stored, where that is not how everybody here handles them.

/// Values are handled in one form: Avro binary in Confluent framing, under the schema ids that Millrace itself gives.
/// They may be stored in another. The log that stores them translates, on the way in and on the way out, so that no
/// fold, no hash and no client can tell.
///
/// Nothing is lost on the way: what is no value of the schema is stored as it is, and read so.
package struct ValueEncoding: Sendable {
  package enum Form: Sendable, Equatable {
    /// Under another schema id, such as one that a schema registry gave.
    case avro(id: UInt32)
    /// The text of a JSON object: see `AvroRecord.appendJSON`.
    case json
  }

  package let form: Form
  private let record: AvroRecord
  /// Under which values are handled.
  private let id: UInt32

  /// `id` is the schema's own, under which values of `record` are handled.
  package init(_ form: Form, record: AvroRecord, id: UInt32) {
    self.form = form
    self.record = record
    self.id = id
  }

  /// Whether what is stored differs from what is handled at all.
  package var translates: Bool { form != .avro(id: id) }

  /// Appends what is stored of `value`.
  package func store(_ value: RawSpan, into output: inout ByteWriter) {
    guard form == .json else { return swapIDs(value, into: &output) }
    var text = ByteWriter()
    var back = ByteWriter()
    do throws(CodecError) {
      var reader = ByteReader(value)
      guard try reader.readSchemaID() == id else { return output.append(value) }
      try record.appendJSON(from: &reader, to: &text)
      guard reader.isAtEnd else { return output.append(value) }
      try parse(text.bytes, into: &back)
      // Legal, but not as we write it: a decimal of 39 digits, or with bytes to spare.
      if back.bytes.isEqual(to: value) { output.append(text.bytes) } else { output.append(value) }
    } catch {
      output.append(value)
    }
  }

  /// Appends what `stored` is handled as.
  package func load(_ stored: RawSpan, into output: inout ByteWriter) {
    guard form == .json else { return swapIDs(stored, into: &output) }
    let start = output.count
    do throws(CodecError) {
      try parse(stored, into: &output)
    } catch {
      output.truncate(to: start)
      output.append(stored)
    }
  }

  private func parse(_ text: RawSpan, into output: inout ByteWriter) throws(CodecError) {
    var scanner = JSONScanner(text)
    guard try scanner.next() == .objectStart else { throw .malformed(at: 0, reason: "not an object") }
    output.append(schemaID: id)
    try record.appendAvro(from: &scanner, to: &output)
    guard try scanner.next() == .end else { throw .malformed(at: scanner.position, reason: "not one object") }
  }

  /// One id for the other, both ways: nothing becomes what it was not, and twice is not at all.
  private func swapIDs(_ value: RawSpan, into output: inout ByteWriter) {
    let start = output.count
    output.append(value)
    guard case .avro(let storedID) = form, let found = Self.schemaID(of: value) else { return }
    if found == id { output.overwrite(bigEndian: storedID, at: start + 1) }
    if found == storedID { output.overwrite(bigEndian: id, at: start + 1) }
  }

  private static func schemaID(of value: RawSpan) -> UInt32? {
    var reader = ByteReader(value)
    return try? reader.readSchemaID()
  }

  /// The form in which `stored` is a value of the schema; nil if it is none.
  func form(of stored: RawSpan) -> Form? {
    var scratch = ByteWriter()
    do throws(CodecError) {
      guard let found = Self.schemaID(of: stored) else {
        try parse(stored, into: &scratch)
        return .json
      }
      var reader = ByteReader(stored)
      _ = try reader.readSchemaID()
      try record.appendJSON(from: &reader, to: &scratch)
      return reader.isAtEnd ? .avro(id: found) : nil
    } catch {
      return nil
    }
  }

  /// For a person.
  package var name: String { Self.name(form) }

  static func name(_ form: Form) -> String {
    switch form {
    case .avro(let id): "Avro with schema id \(id)"
    case .json: "JSON"
    }
  }
}

extension ValueEncoding: Equatable {
  /// Two of one topic: its record is then the same.
  package static func == (left: Self, right: Self) -> Bool { left.form == right.form && left.id == right.id }
}
