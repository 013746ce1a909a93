// The JSON scanner against cases in the manner of the JSONTestSuite: what must be read, what must be refused.

import Codecs
import Kit
import Testing

/// Reads the whole value; every token becomes a piece of text, so that a list of them is the value's shape.
func jsonTokens(_ bytes: [UInt8]) throws(CodecError) -> [String] {
  var writer = ByteWriter()
  for byte in bytes { writer.append(byte) }
  var scanner = JSONScanner(writer.bytes)
  var tokens: [String] = []
  while true {
    switch try scanner.next() {
    case .objectStart: tokens.append("{")
    case .objectEnd: tokens.append("}")
    case .arrayStart: tokens.append("[")
    case .arrayEnd: tokens.append("]")
    case .key: tokens.append("key:" + String(utf8: scanner.text))
    case .string: tokens.append("string:" + String(utf8: scanner.text))
    case .number: tokens.append("number:" + String(utf8: scanner.text))
    case .true: tokens.append("true")
    case .false: tokens.append("false")
    case .null: tokens.append("null")
    case .end: return tokens
    }
  }
}

private let valid: [(String, [String])] = [
  ("{}", ["{", "}"]), (" [ ] ", ["[", "]"]), ("1", ["number:1"]), ("-0.0e+00", ["number:-0.0e+00"]), ("true", ["true"]),
  (
    #"{"a":[1,{"b":null}],"c":"x"}"#,
    ["{", "key:a", "[", "number:1", "{", "key:b", "null", "}", "]", "key:c", "string:x", "}"]
  ),
  (#"["\u0041\n\"\\\/\b\f\r\t"]"#, ["[", "string:A\n\"\\/\u{8}\u{c}\r\t", "]"]), (#""\ud83d\ude00""#, ["string:😀"]),
  (#""abcdefghijklmnop\u00e9 tail€ and more""#, ["string:abcdefghijklmnopé tail€ and more"]), (#""""#, ["string:"]),
  (#"{"":0,"":0}"#, ["{", "key:", "number:0", "key:", "number:0", "}"]), ("\t\r\n false\n", ["false"]),
  ("[\"\u{7f}\u{10ffff}\"]", ["[", "string:\u{7f}\u{10ffff}", "]"]), (#""\u0000""#, ["string:\0"]),
  ("123456789012345678901234567890.5", ["number:123456789012345678901234567890.5"]),
]

@Test(arguments: valid)
func validJSONIsRead(_ text: String, _ expected: [String]) throws {
  #expect(try jsonTokens(Array(text.utf8)) == expected)
}

@Test(arguments: [
  "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", "{\"a\"}", "{\"a\":}",
  "{\"a\":1,}",
  "{\"a\":1 \"b\":2}", "{a:1}", "{1:1}", "{'a':1}", "[1}", "{\"a\":1]", "01", "-", "-a", "1.", ".1", "1e", "1e+", "+1",
  "0x1",
  "1 2", "tru", "truee", "nul", "True", "NaN", "-Infinity", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
  "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\", "\"\u{1}\"", "\"\n\"", "\"aaaaaaaaaaaa\u{1f}\"",
  "\u{feff}{}", "[1]\u{a0}", "{} {}", "//1", "[1]x", "{\"a\"::1}", "\u{c}1", "{\"a\":1,\"b\"",
])
func invalidJSONIsRefused(_ text: String) {
  #expect(throws: CodecError.self) { try jsonTokens(Array(text.utf8)) }
}

@Test(
  arguments: [
    [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
    [0x22, 0xe2, 0x82, 0x22], [0x22, 0x80, 0x22], [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22], [0x22, 0xe0, 0x80, 0x80, 0x22],
    [0x22, 0x5c, 0x6e, 0xff, 0x22], [0x22, 0xc3], [0xff], [0x5b, 0x00, 0x5d],
  ] as [[UInt8]])
func textThatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
  #expect(throws: CodecError.self) { try jsonTokens(bytes) }
}

@Test func nestingIsBounded() throws {
  let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
  #expect(try jsonTokens(Array(deep.utf8)).count == 128)
  #expect(throws: CodecError.tooLarge(at: 64, reason: "nesting of more than 64 levels")) {
    try jsonTokens(Array(("[" + deep + "]").utf8))
  }
}

@Test func errorsNameTheByte() {
  #expect(throws: CodecError.malformed(at: 6, reason: "no value where one must be")) {
    try jsonTokens(Array(#"{"a": x}"#.utf8))
  }
}

private func expect(_ expected: JSONToken, _ scanner: inout JSONScanner) throws {
  let token = try scanner.next()
  #expect(token == expected)
}

@Test func skippingChecksWhatItSkips() throws {
  var writer = ByteWriter()
  writer.append(utf8: #"{"a":{"b":[1,"x",{}]},"c":2,"d":[]}"#)
  var scanner = JSONScanner(writer.bytes)
  try expect(.objectStart, &scanner)
  try expect(.key, &scanner)
  try scanner.skipValue()
  try expect(.key, &scanner)
  let isC = scanner.textIs("c")
  #expect(isC)
  try scanner.skipValue()
  try expect(.key, &scanner)
  try scanner.skipValue()
  try expect(.objectEnd, &scanner)
  try expect(.end, &scanner)

  writer.removeAll()
  writer.append(utf8: #"[{"a":01}]"#)
  #expect(throws: CodecError.self) {
    var scanner = JSONScanner(writer.bytes)
    try scanner.skipValue()
  }
}

@Test func damagedJSONNeverTraps() {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  let original = Array(
    #"{"type":"match","price":"65000.12","size":1.5e-3,"x":["\u00e9\ud83d\ude00","é€😀",null,true]}"#.utf8)
  for _ in 0..<50_000 {
    var bytes = original
    for _ in 0...(random.next() % 4) {
      bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
    }
    bytes.removeLast(Int(random.next() % 8))
    _ = try? jsonTokens(bytes)
  }
}

@Test func writtenStringsAreReadBack() throws {
  let texts = ["", "plain", "q\"b\\s/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}", "é€😀\u{10ffff}"]
  for text in texts {
    var writer = ByteWriter()
    writer.append(jsonString: text)
    #expect(try jsonTokens(writer.copy()) == ["string:" + text])
  }
  var writer = ByteWriter()
  writer.append(jsonString: "a\u{1}\"")
  #expect(String(utf8: writer.bytes) == #""a\u0001\"""#)
}
