// Record batches: bytes computed by hand, every way to be damaged, and what a reader makes of them.

import Codecs
import Kit
import Testing

struct PlainRecord: Equatable {
  var offset: Int64
  var timestamp: Int64
  var key: [UInt8]?
  var value: [UInt8]?
}

func readBatch(_ bytes: [UInt8], verifyingChecksum: Bool = true) throws(CodecError) -> [PlainRecord] {
  var reader = RecordBatchReader()
  try reader.open(bytes.span.bytes, verifyingChecksum: verifyingChecksum)
  var records: [PlainRecord] = []
  try reader.forEachRecord { record in
    records.append(
      PlainRecord(
        offset: record.offset, timestamp: record.timestampMillis, key: record.hasKey ? [UInt8](record.key) : nil,
        value: record.hasValue ? [UInt8](record.value) : nil))
  }
  return records
}

func writeBatch(_ records: [PlainRecord], compression: Compression) -> EncodedBatch {
  var writer = RecordBatchWriter()
  for record in records {
    switch (record.key, record.value) {
    case (let key?, let value?):
      writer.append(timestampMillis: record.timestamp, key: key.span.bytes, value: value.span.bytes)
    case (let key?, nil): writer.append(timestampMillis: record.timestamp, key: key.span.bytes, value: nil)
    case (nil, let value?): writer.append(timestampMillis: record.timestamp, key: nil, value: value.span.bytes)
    case (nil, nil): writer.append(timestampMillis: record.timestamp, key: nil, value: nil)
    }
  }
  return writer.finish(compression: compression)
}

func randomRecords(_ random: inout SplitMix, count: Int) -> [PlainRecord] {
  var timestamp = Int64(1_700_000_000_000)
  return (0..<count).map { index in
    timestamp += Int64(random.next() % 2000) - 500
    let keyCount = Int(random.next() % 40)
    let valueCount = Int(random.next() % 300)
    let key = (0..<keyCount).map { _ in UInt8(truncatingIfNeeded: random.next() % 4) }
    let value = (0..<valueCount).map { _ in UInt8(truncatingIfNeeded: random.next() % 7) }
    return PlainRecord(
      offset: Int64(index), timestamp: timestamp, key: random.next() % 8 == 0 ? nil : key,
      value: random.next() % 8 == 0 ? nil : value)
  }
}

@Test func checksumsAreThoseOfTheStandard() {
  // RFC 3720, appendix B.4, and the check value of the catalogue.
  let cases: [([UInt8], UInt32)] = [
    ([], 0), (Array("123456789".utf8), 0xe306_9283), ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
    ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43), (Array(0..<32), 0x46dd_794e),
  ]
  for (bytes, expected) in cases {
    #expect(CRC32C.checksum(bytes.span.bytes) == expected)
    #expect(CRC32C.checksumByTable(bytes.span.bytes) == expected)
  }
}

@Test func acceleratedChecksumEqualsTheTable() {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  let bytes = (0..<20_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  for count in [1, 7, 8, 9, 3071, 3072, 3073, 6144, 9300, 20_000] {
    let part = Array(bytes[..<count])
    #expect(CRC32C.checksum(part.span.bytes) == CRC32C.checksumByTable(part.span.bytes), "seed \(seed), \(count)")
    let (head, tail) = (Array(part[..<(count / 3)]), Array(part[(count / 3)...]))
    let joined = CRC32C.checksum(tail.span.bytes, continuing: CRC32C.checksum(head.span.bytes))
    #expect(joined == CRC32C.checksum(part.span.bytes), "seed \(seed), \(count)")
  }
}

@Test func batchBytesAreThoseComputedByHand() {
  let batch = writeBatch(
    [
      PlainRecord(offset: 0, timestamp: 1000, key: Array("a".utf8), value: Array("xyz".utf8)),
      PlainRecord(offset: 1, timestamp: 999, key: nil, value: nil),
    ], compression: .none)
  var expected: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]  // Base offset.
  expected += [0, 0, 0, 0x43]  // 49 bytes of header behind the length, 11 and 7 of records: 67.
  expected += [0, 0, 0, 0, 2]  // Leader epoch, magic.
  expected += [0, 0, 0, 0]  // The checksum, put in below.
  expected += [0, 0, 0, 0, 0, 1]  // Attributes, last offset delta.
  expected += [0, 0, 0, 0, 0, 0, 0x03, 0xe8, 0, 0, 0, 0, 0, 0, 0x03, 0xe8]  // Base and max timestamp.
  expected += [UInt8](repeating: 0xff, count: 14)  // Producer id, epoch, sequence: none.
  expected += [0, 0, 0, 2]  // Record count.
  expected += [20, 0, 0, 0, 2, 0x61, 6, 0x78, 0x79, 0x7a, 0]  // Length 10: attributes, deltas, key, value, headers.
  expected += [12, 0, 1, 2, 1, 1, 0]  // Length 6: one millisecond earlier, null key, null value.
  let checksum = CRC32C.checksumByTable(Array(expected[21...]).span.bytes)
  for index in 0..<4 { expected[17 + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * index)) }
  #expect(batch.bytes == expected)
  #expect(batch.recordCount == 2)
  #expect(batch.maxTimestampMillis == 1000)
}

@Test(arguments: Compression.allCases) func batchesRoundTrip(_ compression: Compression) throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  for count in [1, 2, 63, 64, 65, 500, 9000] {
    let records = randomRecords(&random, count: count)
    let batch = writeBatch(records, compression: compression)
    #expect(try readBatch(batch.bytes) == records, "seed \(seed), \(count) records")
    #expect(batch.maxTimestampMillis == records.map(\.timestamp).max())
    var bytes = batch.bytes
    RecordBatchHeader.patch(baseOffset: 1 << 40, in: &bytes)
    let header = try RecordBatchHeader.parse(bytes.span.bytes)
    #expect(header.baseOffset == 1 << 40 && header.lastOffset == 1 << 40 + Int64(count) - 1)
    #expect(header.byteCount == bytes.count && header.compression == compression)
    #expect(try readBatch(bytes + [1, 2, 3]).last?.offset == header.lastOffset, "seed \(seed)")
  }
}

@Test func extremeTimestampsSurvive() throws {
  let records = [Int64.max, .min, 0, -1].enumerated().map { index, time in
    PlainRecord(offset: Int64(index), timestamp: time, key: [], value: [])
  }
  #expect(try readBatch(writeBatch(records, compression: .lz4).bytes) == records)
}

@Test(arguments: Compression.allCases) func everyFlippedBitIsFound(_ compression: Compression) {
  var random = SplitMix(seed: 1)
  let bytes = writeBatch(randomRecords(&random, count: 5), compression: compression).bytes
  // Base offset and leader epoch are the log's own and not covered.
  for position in Array(8..<12) + Array(16..<bytes.count) {
    for bit in 0..<8 {
      var damaged = bytes
      damaged[position] ^= 1 << UInt8(bit)
      #expect(throws: CodecError.self, "byte \(position), bit \(bit)") { try readBatch(damaged) }
    }
  }
  for count in 0..<bytes.count {
    #expect(throws: CodecError.self) { try readBatch(Array(bytes[..<count])) }
  }
}

@Test(arguments: Compression.allCases) func damageWithoutChecksumNeverTraps(_ compression: Compression) {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  let bytes = writeBatch(randomRecords(&random, count: 20), compression: compression).bytes
  for _ in 0..<30_000 {
    var damaged = bytes
    for _ in 0...(random.next() % 3) {
      damaged[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
    }
    _ = try? readBatch(damaged, verifyingChecksum: false)
  }
}

@Test func aLargeClaimedContentAllocatesNothing() throws {
  // A frame whose header claims 2^60 bytes of content: bounded by what really comes.
  var output = ByteWriter()
  var decompressor = LZ4Decompressor()
  let bomb: [UInt8] = [0x04, 0x22, 0x4d, 0x18, 0x68, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x10, 0]
  #expect(throws: CodecError.self) { try decompressor.append(bomb.span.bytes, limit: 1 << 20, to: &output) }

  var compressor = LZ4Compressor()
  var frame = ByteWriter()
  var zeros = ByteWriter()
  zeros.append(zeros: 3 << 20)
  try compressor.append(zeros.bytes, to: &frame)
  #expect(throws: CodecError.tooLarge(at: 0, reason: "an LZ4 frame of more than 1048576 bytes")) {
    try decompressor.append(frame.bytes, limit: 1 << 20, to: &output)
  }
  output.removeAll()
  try decompressor.append(frame.bytes, limit: 3 << 20, to: &output)
  let isSame = output.bytes.isEqual(to: zeros.bytes)
  #expect(isSame)
}

private let javaHashes: [(String, Int32)] = [
  ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
  ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
  ("abc", 479_470_107),
]

@Test(arguments: javaHashes) func murmur2IsThatOfJava(_ text: String, _ expected: Int32) {
  let bytes = Array(text.utf8)
  #expect(Murmur2.hash(bytes.span.bytes) == expected)
  #expect(Murmur2.partition(key: bytes.span.bytes, count: 12) == Int(expected & 0x7fff_ffff) % 12)
}

@Test func internedNamesKeepTheOrderOfFirstSight() throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  var interner = ByteInterner()
  var known: [[UInt8]: Int32] = [:]
  for _ in 0..<20_000 {
    let count = Int(random.next() % 24)
    let name = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() % 3) }
    // Padding that differs from call to call must not matter.
    let padded = name + (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let expected = known[name] ?? Int32(known.count)
    known[name] = expected
    let index =
      random.next() & 1 == 0
      ? interner.intern(name.span.bytes)
      : interner.intern(padded.span.bytes.extracting(0..<count), padding: 32)
    #expect(index == expected, "seed \(seed)")
  }
  #expect(interner.count == known.count)
  var saved = ByteWriter()
  interner.save(into: &saved)
  var restored = ByteInterner()
  var reader = ByteReader(saved.bytes)
  try restored.restore(from: &reader)
  for (name, index) in known {
    #expect(restored.find(name.span.bytes) == index)
    #expect([UInt8](restored.bytes(at: Int(index))) == name)
  }
}

@Test func base64URLHasOneTextPerValue() throws {
  let cases: [(String, String)] = [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
    ("foobar", "Zm9vYmFy"),
    ("\u{3ff}?>", "z78_Pg"),
  ]
  for (plain, encoded) in cases {
    var writer = ByteWriter()
    writer.append(base64URL: Array(plain.utf8).span.bytes)
    #expect(String(utf8: writer.bytes) == encoded)
    writer.removeAll()
    try Base64URL.decode(Array(encoded.utf8).span.bytes, into: &writer)
    #expect(String(utf8: writer.bytes) == plain)
  }
  for bad in ["Z", "Zh", "Zg==", "Zm9", "Z g", "Zm+v", "ZZZZZ", "Zm8\n"] {
    var writer = ByteWriter()
    #expect(throws: CodecError.self) { try Base64URL.decode(Array(bad.utf8).span.bytes, into: &writer) }
  }
}
