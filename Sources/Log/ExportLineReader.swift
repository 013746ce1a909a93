// Reads the lines that `RecordLine` writes, and nothing else: an unknown field is an error, not a surprise later.

package import Codecs

extension ExportLine {
  /// Errors carry the byte in the line.
  package init(decoding line: RawSpan) throws(CodecError) {
    var fields = LineFields()
    try fields.read(line)
    if let topic = fields.topic {
      guard let partition = fields.numbers["partition"], let partitions = fields.numbers["partitions"],
        let start = fields.numbers["startOffset"], let end = fields.numbers["endOffset"],
        let isDerived = fields.isDerived, fields.numbers.count == 4, !fields.isRecord
      else { throw .malformed(at: 0, reason: "not all of a partition's fields, or more") }
      guard let partition = Int(exactly: partition), let partitions = Int(exactly: partitions),
        partition >= 0, partition < partitions, start >= 0, end >= start
      else { throw .malformed(at: 0, reason: "numbers that no partition has") }
      self = .partition(
        PartitionLine(
          topic: topic, partition: partition, partitions: partitions, isDerived: isDerived, startOffset: start,
          endOffset: end))
      return
    }
    if let start = fields.numbers["gapStart"] {
      guard let end = fields.numbers["gapEnd"], fields.numbers.count == 2, fields.isDerived == nil, !fields.isRecord
      else { throw .malformed(at: 0, reason: "not all of a gap's fields, or more") }
      guard start >= 0, end > start, end - start <= GapLine.offsetsMax else {
        throw .malformed(at: 0, reason: "numbers that no gap has")
      }
      self = .gap(GapLine(start: start, end: end))
      return
    }
    guard let offset = fields.numbers["offset"], let timestamp = fields.numbers["timestampMillis"],
      fields.numbers.count == 2, fields.hasKey, fields.hasValue, fields.isDerived == nil, offset >= 0, offset < .max
    else { throw .malformed(at: 0, reason: "not all of a record's fields, or more") }
    fields.record.offset = offset
    fields.record.timestampMillis = timestamp
    self = .record(fields.record)
  }
}

/// The fields of one line, of any kind.
private struct LineFields {
  var topic: String?
  var isDerived: Bool?
  var numbers: [String: Int64] = [:]
  var hasKey = false
  var hasValue = false
  var hasHeaders = false
  var record = RecordLine()

  var isRecord: Bool { hasKey || hasValue || hasHeaders }

  mutating func read(_ line: RawSpan) throws(CodecError) {
    var scanner = JSONScanner(line)
    guard try scanner.next() == .objectStart else { throw .malformed(at: 0, reason: "not an object") }
    while try scanner.next() == .key {
      let place = scanner.position
      switch String(utf8: scanner.text) {
      case "topic" where topic == nil:
        guard try scanner.next() == .string else { throw .malformed(at: place, reason: "the topic is no string") }
        topic = String(utf8: scanner.text)
      case "derived" where isDerived == nil:
        switch try scanner.next() {
        case .true: isDerived = true
        case .false: isDerived = false
        default: throw .malformed(at: place, reason: "derived is neither true nor false")
        }
      case let name where Self.numberNames.contains(name) && numbers[name] == nil:
        guard try scanner.next() == .number, let number = Int64(String(utf8: scanner.text)) else {
          throw .malformed(at: place, reason: "\(name) is no whole number")
        }
        numbers[name] = number
      case "key" where !hasKey:
        hasKey = true
        switch try scanner.next() {
        case .null: break
        case .string: record.key = [UInt8](scanner.text)
        default: throw .malformed(at: place, reason: "the key is no string")
        }
      case "keyBase64" where !hasKey:
        hasKey = true
        record.key = try Self.bytes(&scanner, place)
      case "value" where !hasValue:
        hasValue = true
        record.value = try Self.bytes(&scanner, place)
      case "headers" where !hasHeaders:
        hasHeaders = true
        record.headers = try Self.headers(&scanner)
      case let name: throw .malformed(at: place, reason: "'\(name)' again, or no field of an export")
      }
    }
    guard try scanner.next() == .end else { throw .malformed(at: scanner.position, reason: "more than an object") }
  }

  private static let numberNames: Set = [
    "partition", "partitions", "startOffset", "endOffset", "offset", "timestampMillis", "gapStart", "gapEnd",
  ]

  /// A string in base64, or null.
  private static func bytes(_ scanner: inout JSONScanner, _ place: Int) throws(CodecError) -> [UInt8]? {
    switch try scanner.next() {
    case .null: return nil
    case .string:
      var writer = ByteWriter()
      do throws(CodecError) {
        try Base64.decode(scanner.text, into: &writer)
      } catch { throw .malformed(at: place, reason: "not base64: \(error)") }
      return writer.copy()
    default: throw .malformed(at: place, reason: "neither a string nor null")
    }
  }

  /// An array of objects with a key and a value, as the bytes that a record has them in.
  private static func headers(_ scanner: inout JSONScanner) throws(CodecError) -> [UInt8] {
    var list = ByteWriter()
    var count: Int64 = 0
    guard try scanner.next() == .arrayStart else {
      throw .malformed(at: scanner.position, reason: "no array of headers")
    }
    while try scanner.next() == .objectStart {
      let place = scanner.position
      guard try scanner.next() == .key, scanner.textIs("key"), try scanner.next() == .string else {
        throw .malformed(at: place, reason: "a header begins with its key")
      }
      list.append(varint: Int64(scanner.text.byteCount))
      list.append(scanner.text)
      guard try scanner.next() == .key, scanner.textIs("value") else {
        throw .malformed(at: place, reason: "a header's key is followed by its value")
      }
      if let value = try bytes(&scanner, place) {
        list.append(varint: Int64(value.count))
        list.append(unsafe value.span.bytes)
      } else {
        list.append(varint: -1)
      }
      guard try scanner.next() == .objectEnd else {
        throw .malformed(at: place, reason: "a header of more than two fields")
      }
      count += 1
    }
    var all = ByteWriter()
    all.append(varint: count)
    all.append(list.bytes)
    return all.copy()
  }
}
