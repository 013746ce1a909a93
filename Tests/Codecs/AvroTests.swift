// Avro's primitives against bytes computed by hand from the specification.

import Codecs
import Kit
import Testing

private func encoded(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
  var writer = ByteWriter()
  body(&writer)
  return writer.copy()
}

private func decode<T>(_ bytes: [UInt8], _ body: (inout ByteReader) throws(CodecError) -> T) throws(CodecError) -> T {
  var writer = ByteWriter()
  for byte in bytes { writer.append(byte) }
  var reader = ByteReader(writer.bytes)
  return try body(&reader)
}

private let longs: [(Int64, [UInt8])] = [
  (0, [UInt8(0)]), (-1, [1]), (1, [2]), (-64, [0x7f]), (64, [0x80, 0x01]),
  (Int64.max, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  (Int64.min, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
]

@Test(arguments: longs)
func longsAreZigZag(_ value: Int64, _ bytes: [UInt8]) throws {
  #expect(encoded { $0.append(varint: value) } == bytes)
  #expect(try decode(bytes) { reader throws(CodecError) in try reader.readVarint() } == value)
}

/// Seven bits at a time, as the specification says it; the writer has a faster way for nine bytes.
private func plainVarint(_ value: UInt64) -> [UInt8] {
  value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80] + plainVarint(value >> 7)
}

@Test func varintsOfEveryLengthAreWhatTheSpecificationSays() {
  var random = SplitMix(seed: 11)
  for bits in 0...64 {
    let top = bits == 64 ? UInt64.max : 1 << UInt64(bits) - 1
    for value in [top, top &+ 1, top / 3] + (0..<200).map({ _ in random.next() & top }) {
      #expect(encoded { $0.append(unsignedVarint: value) } == plainVarint(value), "\(value)")
    }
  }
}

@Test func spansOfEveryLengthAreCopied() {
  let bytes = (0..<64).map { UInt8($0 + 1) }
  for count in 0...40 {
    let copied = encoded { writer in
      writer.append(UInt8(0xaa))
      writer.append(bytes.span.bytes.extracting(3..<3 + count))
      writer.append(UInt8(0xbb))
    }
    #expect(copied == [0xaa] + bytes[3..<3 + count] + [0xbb])
  }
}

private let decimals: [(Int128, [UInt8])] = [
  (0, [UInt8(2), 0]), (-1, [2, 0xff]), (127, [2, 0x7f]), (128, [4, 0, 0x80]), (-128, [2, 0x80]),
  (-129, [4, 0xff, 0x7f]), (Int128.max, [32, 0x7f] + [UInt8](repeating: 0xff, count: 15)),
  (Int128.min, [32, 0x80] + [UInt8](repeating: 0, count: 15)),
]

@Test(arguments: decimals)
func decimalsAreMinimalTwosComplement(_ value: Int128, _ bytes: [UInt8]) throws {
  #expect(encoded { $0.append(avroDecimal: value) } == bytes)
  #expect(try decode(bytes) { reader throws(CodecError) in try reader.readAvroDecimal() } == value)
}

@Test func decimalsOfAnyWidthRoundTrip() throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  for _ in 0..<20_000 {
    let wide = Int128(truncatingIfNeeded: UInt128(random.next()) << 64 | UInt128(random.next()))
    let value = wide >> Int128(random.next() % 128)
    let bytes = encoded { $0.append(avroDecimal: value) }
    #expect(try decode(bytes) { reader throws(CodecError) in try reader.readAvroDecimal() } == value, "seed \(seed)")
  }
}

@Test func hostileAvroIsRefused() {
  let decimals: [[UInt8]] = [[], [0], [34] + [UInt8](repeating: 1, count: 17), [4, 1], [1], [0xff]]
  for bytes in decimals {
    #expect(throws: CodecError.self) { try decode(bytes) { reader throws(CodecError) in try reader.readAvroDecimal() } }
  }
  let strings: [[UInt8]] = [
    [2, 0xff], [4, 0xc0, 0x80], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [6, 0xed, 0xa0, 0x80],
  ]
  for bytes in strings {
    #expect(throws: CodecError.self) { try decode(bytes) { reader throws(CodecError) in try reader.readAvroString() } }
  }
  for bytes: [UInt8] in [[1, 0, 0, 0, 1], [0, 0, 0, 1]] {
    #expect(throws: CodecError.self) { try decode(bytes) { reader throws(CodecError) in try reader.readSchemaID() } }
  }
  for bytes: [UInt8] in [
    [2], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], [UInt8](repeating: 0x80, count: 11),
  ] {
    #expect(throws: CodecError.self) {
      try decode(bytes) { reader throws(CodecError) in try reader.readAvroEnum(count: 1) }
    }
  }
}

@Test func framingAndStringsRoundTrip() throws {
  let bytes = encoded {
    $0.append(schemaID: 0x0102_0304)
    $0.append(avroString: "BTC/€")
  }
  #expect(bytes == [0, 1, 2, 3, 4, 14] + Array("BTC/€".utf8))
  let text = try decode(bytes) { reader throws(CodecError) in
    #expect(try reader.readSchemaID() == 0x0102_0304)
    return try reader.readAvroString()
  }
  #expect(text == "BTC/€")
}
