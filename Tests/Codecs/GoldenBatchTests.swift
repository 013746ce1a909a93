// Whole record batches: golden bytes, and an independent parser of a few lines of Python.

import Codecs
import Kit
import Testing

private let records = [
  PlainRecord(offset: 0, timestamp: 1_700_000_000_000, key: Array("BTC/USD".utf8), value: Array("one".utf8)),
  PlainRecord(offset: 1, timestamp: 1_699_999_999_000, key: nil, value: [UInt8](repeating: 7, count: 200)),
  PlainRecord(offset: 2, timestamp: 1_700_000_300_000, key: Array("ETH/USD".utf8), value: nil),
]

@Test func batchesAreTheGoldenBytes() throws {
  let none = writeBatch(records, compression: .none).bytes
  let lz4 = writeBatch(records, compression: .lz4).bytes
  if GoldenFiles.isUpdating {
    try GoldenFiles.write(["none \(Hexadecimal.text(none))", "lz4 \(Hexadecimal.text(lz4))"], to: "batches.txt")
  }
  let lines = GoldenFiles.lines("batches.txt").map { $0.split(separator: " ") }
  #expect(lines.count >= 2)
  for line in lines { #expect(try readBatch(Hexadecimal.bytes(line[1])) == records, "\(line[0])") }
  // LZ4's output may differ between versions of the library; what it holds may not.
  #expect(lines.first.map { Hexadecimal.bytes($0[1]) } == none)
}

@Test(.enabled(if: PythonPeer.plain != nil, "SKIPPED: no python3"))
func anIndependentParserReadsOurBatches() throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  var input: [String] = []
  var expected: [String] = []
  for count in [1, 2, 64, 65, 700] {
    let records = randomRecords(&random, count: count)
    for compression in Compression.allCases {
      input.append(Hexadecimal.text(writeBatch(records, compression: compression).bytes))
      let texts = records.map { record in
        let parts = [record.key, record.value].map { $0.map { "\"\(Hexadecimal.text($0))\"" } ?? "null" }
        return "[\(record.offset),\(record.timestamp),\(parts[0]),\(parts[1])]"
      }
      expected.append("[\(texts.joined(separator: ","))]")
    }
  }
  let answer = try #require(PythonPeer.plain).lines("record_batch.py", input: input)
  #expect(answer.count == expected.count)
  for (got, wanted) in zip(answer, expected) { #expect(got == wanted, "seed \(seed)") }
}
