// The WebSocket decoder against what the protocol asks, in the manner of the Autobahn suite; each case also arrives
// one byte at a time.

import Codecs
import Kit
import Testing

/// What a decoder made of some bytes: every input as text, then the violation if there was one.
private func inputs(_ bytes: [UInt8], piece: Int, limit: Int = 1 << 20) -> [String] {
  var decoder = WebSocketDecoder(messageBytesMax: limit)
  var result: [String] = []
  var start = 0
  while start < bytes.count {
    let part = Array(bytes[start..<min(start + piece, bytes.count)])
    start += part.count
    var position = 0
    do throws(WebSocketViolation) {
      while let input = try decoder.next(in: part.span.bytes, at: &position) {
        result.append("\(input):" + String(utf8: decoder.payload))
      }
    } catch {
      result.append("violation \(error.closeCode)")
      return result
    }
    #expect(position == part.count)
  }
  return result
}

private func frame(
  _ first: UInt8, _ payload: [UInt8], mask: [UInt8] = [0x37, 0xfa, 0x21, 0x3d], lengthBytes: Int? = nil
) -> [UInt8] {
  let count = payload.count
  var bytes = [first]
  switch lengthBytes ?? (count < 126 ? 0 : count < 65536 ? 2 : 8) {
  case 0: bytes.append(0x80 | UInt8(count))
  case 2: bytes += [0xfe, UInt8(count >> 8), UInt8(count & 255)]
  default: bytes += [0xff] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
  }
  return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
}

private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

private let hello = text("Hello-µ@ßöä")
private let cases: [([UInt8], [String])] = [
  ([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], ["text:Hello"]),  // RFC 6455, section 5.7.
  (frame(0x81, []), ["text:"]), (frame(0x82, [1, 2, 3]), ["binary:\u{1}\u{2}\u{3}"]),
  (frame(0x81, hello), ["text:Hello-µ@ßöä"]),
  (frame(0x89, text("p")), ["ping:p"]), (frame(0x8a, []), ["pong:"]),
  (frame(0x89, [UInt8](repeating: 65, count: 125)), ["ping:" + String(repeating: "A", count: 125)]),
  (frame(0x01, text("a")) + frame(0x00, text("b")) + frame(0x80, text("c")), ["text:abc"]),
  (
    frame(0x01, text("a")) + frame(0x89, text("!")) + frame(0x80, text("c")) + frame(0x82, [66]),
    ["ping:!", "text:ac", "binary:B"]
  ),
  (frame(0x01, []) + frame(0x00, []) + frame(0x80, []), ["text:"]),
  // A character cut by a fragment's border.
  (frame(0x01, Array(hello[..<7])) + frame(0x80, Array(hello[7...])), ["text:Hello-µ@ßöä"]),
  // Protocol errors.
  (frame(0xc1, text("a")), ["violation 1002"]), (frame(0x91, []), ["violation 1002"]),
  (frame(0xa1, []), ["violation 1002"]),
  (frame(0x83, []), ["violation 1002"]), (frame(0x8b, []), ["violation 1002"]), (frame(0x09, []), ["violation 1002"]),
  (frame(0x89, [UInt8](repeating: 65, count: 126)), ["violation 1002"]), (frame(0x80, text("a")), ["violation 1002"]),
  (frame(0x00, text("a")), ["violation 1002"]), (frame(0x01, text("a")) + frame(0x81, text("b")), ["violation 1002"]),
  (frame(0x81, text("x")) + frame(0x80, text("y")), ["text:x", "violation 1002"]), ([0x81, 0x05], ["violation 1002"]),
  (frame(0x81, text("a"), lengthBytes: 2), ["violation 1002"]),
  (frame(0x81, text("a"), lengthBytes: 8), ["violation 1002"]),
  ([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], ["violation 1002"]),
  // Too big, known from the header alone, or in the sum of fragments.
  ([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], ["violation 1009"]),
  // Bad text, found before the message ends.
  (frame(0x81, [0xff]), ["violation 1007"]), (frame(0x01, [0x61, 0xc0]), ["violation 1007"]),
  (frame(0x81, [0xce]), ["violation 1007"]), (frame(0x01, [0xed]) + frame(0x80, [0xa0, 0x80]), ["violation 1007"]),
  (frame(0x01, [0xf4]) + frame(0x00, [0x90]), ["violation 1007"]), (frame(0x82, [0xff]), ["binary:\u{fffd}"]),
  // Closing.
  (frame(0x88, []), ["close(1005):"]), (frame(0x88, [3, 232]), ["close(1000):"]),
  (frame(0x88, [3, 232] + hello), ["close(1000):Hello-µ@ßöä"]),
  (frame(0x88, [3]), ["violation 1002"]), (frame(0x88, [3, 232, 0xff]), ["violation 1007"]),
  (frame(0x88, [3, 232]) + frame(0x81, text("late")), ["close(1000):"]),
  (frame(0x01, text("a")) + frame(0x88, [15, 160]), ["close(4000):"]),
]

@Test(arguments: cases) func clientFramesAreReadOrRefused(_ bytes: [UInt8], _ expected: [String]) {
  for piece in [1, 2, 3, 7, max(bytes.count, 1)] {
    #expect(inputs(bytes, piece: piece) == expected, "pieces of \(piece)")
  }
}

@Test func onlyLegalCloseCodesAreAccepted() {
  for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
    #expect(inputs(frame(0x88, [UInt8(code >> 8), UInt8(code & 255)]), piece: 9) == ["violation 1002"], "\(code)")
  }
  for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
    #expect(inputs(frame(0x88, [UInt8(code >> 8), UInt8(code & 255)]), piece: 9) == ["close(\(code)):"], "\(code)")
  }
}

@Test func messagesOfEveryLengthAreUnmasked() {
  for count in [1, 7, 8, 9, 125, 126, 127, 128, 65535, 65536, 70000] {
    let payload = (0..<count).map { UInt8(32 + $0 % 90) }
    for piece in [1, 5, 1 << 20] {
      #expect(inputs(frame(0x81, payload), piece: piece) == ["text:" + String(decoding: payload, as: UTF8.self)])
    }
  }
}

@Test func theLimitCountsTheWholeMessage() {
  #expect(inputs(frame(0x81, [UInt8](repeating: 65, count: 11)), piece: 99, limit: 10) == ["violation 1009"])
  let parts = frame(0x01, [UInt8](repeating: 65, count: 6)) + frame(0x80, [UInt8](repeating: 65, count: 5))
  #expect(inputs(parts, piece: 99, limit: 10) == ["violation 1009"])
  #expect(inputs(parts, piece: 99, limit: 11) == ["text:AAAAAAAAAAA"])
}

@Test func piecesDoNotMatterAndDamageNeverTraps() {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  let original =
    frame(0x01, hello) + frame(0x89, text("ping")) + frame(0x80, hello) + frame(0x82, [UInt8](repeating: 7, count: 300))
    + frame(0x88, [3, 233] + text("bye"))
  for _ in 0..<20_000 {
    var bytes = original
    for _ in 0..<(random.next() % 3) {
      bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
    }
    let whole = inputs(bytes, piece: bytes.count, limit: 4096)
    #expect(inputs(bytes, piece: Int(1 + random.next() % 40), limit: 4096) == whole, "seed \(seed)")
  }
}

@Test func serverFramesHaveTheShortestHeader() {
  func header(_ count: Int) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(webSocketHeader: .text, payloadCount: count)
    return writer.copy()
  }
  #expect(header(0) == [0x81, 0])
  #expect(header(125) == [0x81, 125])
  #expect(header(126) == [0x81, 126, 0, 126])
  #expect(header(65535) == [0x81, 126, 255, 255])
  #expect(header(65536) == [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0])
  var writer = ByteWriter()
  writer.append(webSocketClose: 1001, reason: String(repeating: "€", count: 60))
  #expect(writer.count == 2 + 2 + 123)
  #expect(writer.copy()[..<4] == [0x88, 125, 3, 233])
}

@Test func theHandshakeIsThatOfTheStandard() throws {
  func accept(_ key: String) throws(CodecError) -> String {
    var writer = ByteWriter()
    let bytes = Array(key.utf8)
    try WebSocketHandshake.appendAccept(forKey: bytes.span.bytes, to: &writer)
    return String(utf8: writer.bytes)
  }
  #expect(try accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  for bad in [
    "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25j Q==", "dGhlIHNhbXBsZSBub25j=Q==",
  ] {
    #expect(throws: CodecError.self) { try accept(bad) }
  }
}
