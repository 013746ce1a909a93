// Records with headers, and batches around records that have their offsets already.

import Codecs
import Kit
import Testing

@Suite struct RecordFramingTests {
  private static func section(_ headers: [(String, [UInt8]?)]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(varint: Int64(headers.count))
    for (name, value) in headers {
      let name = Array(name.utf8)
      if let value {
        writer.append(headerNamed: name.span.bytes, value: value.span.bytes)
      } else {
        writer.append(headerNamed: name.span.bytes, value: nil)
      }
    }
    return writer.copy()
  }

  private static func headers(of section: RawSpan) throws -> [String] {
    var walk = try RecordHeaders(section)
    var found: [String] = []
    while try walk.advance() {
      found.append("\(String(utf8: walk.name))=\(walk.hasValue ? "\([UInt8](walk.value))" : "null")")
    }
    #expect(found.count == walk.count)
    return found
  }

  @Test func writesAndReadsHeaders() throws {
    let sections = [
      Self.section([]), Self.section([("a", [1, 2]), ("a", nil), ("", []), ("é", [UInt8](repeating: 7, count: 300))]),
    ]
    var writer = RecordBatchWriter()
    let key = Array("k".utf8)
    for section in sections {
      writer.append(timestampMillis: 5, key: key.span.bytes, value: nil, headers: section.span.bytes)
    }
    writer.append(timestampMillis: 5, key: nil, value: key.span.bytes)
    let batch = writer.finish()
    var reader = RecordBatchReader()
    let encoded = batch.bytes
    try reader.open(encoded.span.bytes, verifyingChecksum: true)
    var cursor = reader.records
    var found: [[String]] = []
    while try cursor.advance() { found.append(try Self.headers(of: cursor.storedHeaders)) }
    #expect(found == [[], ["a=[1, 2]", "a=null", "=[]", "é=\([UInt8](repeating: 7, count: 300))"], []])
  }

  @Test func refusesHeadersThatCannotBe() {
    let hostile: [[UInt8]] = [
      [], [0x02], [0x01], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x02, 0x08, 0x61, 0x00],
      [0x02, 0x02, 0x61, 0x03], [0x02, 0x01, 0x61],
    ]
    for bytes in hostile {
      #expect(throws: CodecError.self, "\(bytes)") { try Self.headers(of: bytes.span.bytes) }
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func framesRecordsWithGaps(seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    var buffer = ByteWriter()
    buffer.append(UInt8(9))  // What stands before a batch stays.
    var expected: [String] = []
    let base = Int64.random(in: 0...(1 << 40), using: &random)
    var framer = RecordBatchFramer(baseOffset: base, in: &buffer)
    var offset = base
    for _ in 0..<Int.random(in: 0...50, using: &random) {
      offset += Int64.random(in: 0...3, using: &random)
      let time = Int64.random(in: -5...5000, using: &random)
      let value = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let fits = framer.canHold(offset) && !framer.canHold(framer.nextOffset - 1)
      #expect(fits)
      framer.append(offset: offset, timestampMillis: time, key: nil, value: value.span.bytes, to: &buffer)
      expected.append("\(offset) \(time) \(value)")
      offset += 1
    }
    let end = offset + Int64.random(in: 1...4, using: &random)
    let isBounded = !framer.canHold(base + Int64(Int32.max))
    #expect(isBounded)
    framer.finish(at: end, in: &buffer)
    var reader = RecordBatchReader()
    let header = try reader.open(buffer.bytes.extracting(droppingFirst: 1), verifyingChecksum: true)
    #expect(header.baseOffset == base && header.lastOffset == end - 1 && header.byteCount == buffer.count - 1)
    var found: [String] = []
    var cursor = reader.records
    while try cursor.advance() {
      found.append("\(cursor.record.offset) \(cursor.record.timestampMillis) \([UInt8](cursor.value))")
    }
    #expect(found == expected, "seed \(seed)")
  }

  /// Field by field as the specification says, at both ends of every length.
  @Test func writesNumbersOfEveryLength() {
    for bits in 0..<64 {
      for time in [Int64(1) << bits, (Int64(1) << bits) &- 1, ~(Int64(1) << bits), 0 &- (1 << bits)] {
        let offset = Int64(1) << min(bits, 30)
        let value = [UInt8](repeating: 7, count: bits < 22 ? 1 << bits : 0)
        var buffer = ByteWriter()
        var framer = RecordBatchFramer(baseOffset: 0, in: &buffer)
        framer.append(offset: 0, timestampMillis: 0, key: nil, value: nil, to: &buffer)
        let start = buffer.count
        framer.append(offset: offset, timestampMillis: time, key: nil, value: value.span.bytes, to: &buffer)
        var fields = ByteWriter()
        fields.append(UInt8(0))
        for field in [time, offset, -1, Int64(value.count)] { fields.append(varint: field) }
        fields.append(value.span.bytes)
        fields.append(UInt8(0))
        var expected = ByteWriter()
        expected.append(varint: Int64(fields.count))
        expected.append(fields.bytes)
        let isRight = [UInt8](buffer.bytes.extracting(droppingFirst: start)) == expected.copy()
        #expect(isRight, "\(time), \(offset), \(value.count) bytes")
        framer.finish(at: offset + 1, in: &buffer)
      }
    }
  }
}
