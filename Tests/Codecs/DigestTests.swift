// SHA-256 and gzip against published values.

import Codecs
import Kit
import Testing

private func hex(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef")
  return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}

@Test func digestsAreThoseOfFIPS180() {
  var digest = SHA256Digest()
  let abc = Array("abc".utf8)
  digest.update(abc.span.bytes)
  #expect(hex(digest.finalize()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  #expect(hex(digest.finalize()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  let (head, tail) = (Array("a".utf8), Array("bc".utf8))
  digest.update(head.span.bytes)
  digest.update(tail.span.bytes)
  #expect(hex(digest.finalize()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
}

/// `python3 -c "import gzip; print(list(gzip.compress(b'tick '*6, mtime=0)))"`
private let ticks: [UInt8] = [
  31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 201, 76, 206, 86, 40, 193, 69, 0, 0, 164, 168, 174, 227, 30, 0, 0, 0,
]

private func inflated(_ bytes: [UInt8], limit: Int = 1000) throws(CodecError) -> String {
  var output = ByteWriter(capacity: 0)
  try Gzip.inflate(bytes.span.bytes, limit: limit, into: &output)
  return String(utf8: output.bytes)
}

@Test func gzipIsRead() throws {
  #expect(try inflated(ticks) == "tick tick tick tick tick tick ")
  #expect(try inflated(ticks, limit: 30).utf8.count == 30)
}

// Modification time, extra flags and system are not covered; byte 19 ends in the padding of the last block.
@Test func badGzipIsRefused() {
  #expect(throws: CodecError.tooLarge(at: 0, reason: "gzip data of more than 29 bytes")) {
    try inflated(ticks, limit: 29)
  }
  for count in 0..<ticks.count {
    let short = Array(ticks[..<count])
    #expect(throws: CodecError.self, "\(count) bytes") { try inflated(short) }
  }
  #expect(throws: CodecError.self) { try inflated(ticks + [0]) }
  for position in 0..<ticks.count where !(4...9).contains(position) && position != 19 {
    var damaged = ticks
    damaged[position] ^= 0x10
    #expect(throws: CodecError.self, "byte \(position)") { try inflated(damaged) }
  }
}
