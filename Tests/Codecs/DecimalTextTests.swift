// Decimal text is lossless or refused.

import Codecs
import Kit
import Testing

private func parse(_ text: String, scale: Int = 18) throws(CodecError) -> Int128 {
  var writer = ByteWriter()
  writer.append(utf8: text)
  return try DecimalText.parse(writer.bytes, scale: scale)
}

private func text(_ value: Int128, scale: Int = 18) -> String {
  var writer = ByteWriter()
  writer.append(decimal: value, scale: scale)
  return String(utf8: writer.bytes)
}

private let exact: [(String, String)] = [
  ("0", "0"), ("-0", "0"), ("0.0", "0"), ("0e999999999999999999999", "0"), ("1", "1000000000000000000"),
  ("9.121E-7", "912100000000"), ("9.121e-07", "912100000000"), ("-1.5", "-1500000000000000000"),
  ("1.50000000000000000000000000000000000000000", "1500000000000000000"), ("0.000000000000000001", "1"),
  ("100e-20", "1"), ("65000.12", "65000120000000000000000"), ("1E+2", "100000000000000000000"),
  ("99999999999999999999.999999999999999999", "99999999999999999999999999999999999999"),
  ("-99999999999999999999.999999999999999999", "-99999999999999999999999999999999999999"),
  ("10000000000000000000", "10000000000000000000000000000000000000"), ("1000000e-24", "1"),
  ("18446744073709551616.5", "18446744073709551616500000000000000000"),
  ("0.10000000000000000100e1", "1000000000000000010"),
]

@Test(arguments: exact)
func decimalTextIsExact(_ text: String, _ raw: String) throws {
  #expect(String(try parse(text)) == raw)
}

@Test(arguments: [
  "", "-", "+1", "01", "00", "1.", ".5", "1e", "1e+", "1 ", " 1", "1.2.3", "0x1", "NaN", "Infinity", "1,5", "--1",
  "1e1.5",
  "1_0", "१",
])
func whatIsNoNumberIsRefused(_ text: String) {
  #expect(throws: CodecError.self) { try parse(text) }
}

@Test(arguments: [
  "0.0000000000000000001", "1e-19", "100000000000000000000", "1e20", "1e99999999999999999999",
  "1e-99999999999999999999",
  "12345678901234567890.1234567890123456789", "999999999999999999999999999999999999999999",
  "0.1234567890123456789",
])
func whatDoesNotFitIsTooLarge(_ text: String) {
  do {
    _ = try parse(text)
    Issue.record("\(text) was accepted")
  } catch CodecError.tooLarge {
  } catch {
    Issue.record("\(text): \(error)")
  }
}

private let canonical: [(Int128, Int, String)] = [
  (Int128(0), 18, "0"), (1, 18, "0.000000000000000001"), (-1, 18, "-0.000000000000000001"),
  (1_500_000_000_000_000_000, 18, "1.5"), (1_000_000_000_000_000_000, 18, "1"), (-12345, 2, "-123.45"),
  (12300, 2, "123"),
  (7, 0, "7"), (10, 0, "10"), (Int128.max, 0, "170141183460469231731687303715884105727"),
  (Int128.min, 38, "-1.70141183460469231731687303715884105728"), (912_100_000_000, 18, "0.0000009121"),
  (10_000_000_000_000_000_000, 0, "10000000000000000000"), (Int128(UInt64.max), 0, "18446744073709551615"),
]

@Test(arguments: canonical)
func decimalTextIsCanonical(_ raw: Int128, _ scale: Int, _ expected: String) {
  #expect(text(raw, scale: scale) == expected)
}

@Test func decimalTextRoundTrips() throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  for _ in 0..<20_000 {
    let bits = Int(random.next() % 127)
    let magnitude = UInt128(random.next()) << 64 | UInt128(random.next())
    let raw = Int128(magnitude >> UInt128(128 - bits)) * (random.next() & 1 == 0 ? 1 : -1)
    let scale = Int(random.next() % 39)
    guard raw.magnitude < 100_000_000_000_000_000_000_000_000_000_000_000_000 else { continue }
    #expect(try parse(text(raw, scale: scale), scale: scale) == raw, "seed \(seed)")
  }
}

@Test func integerTextIsThatOfSwift() {
  for value in [0, 1, 9, 10, -10, 99, 100, 1 << 62, Int64.max, .min] {
    var writer = ByteWriter(capacity: 0)
    writer.append(integer: value)
    #expect(String(utf8: writer.bytes) == String(value))
  }
}
