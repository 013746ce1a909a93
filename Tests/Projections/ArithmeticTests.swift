// Exactness against Python's integers.

import Foundation
import Kit
import Projections
import Testing

@Suite struct ArithmeticTests {
  static let maximum = UInt128.max

  /// Operands at and around every border of the algorithm, and random ones of every length.
  static func operands() -> [(UInt256, UInt128)] {
    var random = SplitMix(seed: 20_231_114)
    func number(_ bits: Int) -> UInt128 {
      let all = UInt128(random.next()) << 64 | UInt128(random.next())
      return bits == 0 ? 0 : all >> UInt128(128 - bits)
    }
    let edges: [UInt128] = [
      1, 2, 3, 10, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, (1 << 64) + 1, (1 << 127) - 1, 1 << 127,
      (1 << 127) + 1, maximum - 1, maximum, (1 << 127) | ((1 << 64) - 1), (1 << 96) - 1,
      99_999_999_999_999_999_999_999_999_999_999_999_999,
    ]
    var cases: [(UInt256, UInt128)] = []
    for divisor in edges {
      for factor in edges {
        // Products and their neighbours, so that remainders are at and beside zero and a half.
        for offset: UInt128 in [0, 1, divisor / 2, divisor / 2 + 1, divisor - 1] {
          var sum = UInt256(product: divisor, factor)
          sum.add(UInt256(low: offset))
          cases.append((sum, divisor))
        }
        for low in edges { cases.append((UInt256(low: low, high: factor), divisor)) }
      }
    }
    for _ in 0..<6000 {
      let divisor = max(number(Int(random.next() % 129)), 1)
      cases.append((UInt256(low: number(Int(random.next() % 129)), high: number(Int(random.next() % 129))), divisor))
      cases.append((UInt256(product: number(Int(random.next() % 129)), divisor), divisor))
    }
    return cases
  }

  @Test func divisionEqualsPythons() throws {
    let cases = Self.operands()
    let program = """
      import sys
      for line in sys.stdin:
          high, low, divisor = map(int, line.split())
          quotient, rest = divmod((high << 128) + low, divisor)
          if 2 * rest > divisor or (2 * rest == divisor and quotient & 1): quotient += 1
          print(quotient if quotient < 1 << 128 else "none")
      """
    let input = cases.map { "\($0.0.high) \($0.0.low) \($0.1)" }
    let expected = try Python.lines(program, input: input)
    #expect(expected.count == cases.count)
    for (index, (dividend, divisor)) in cases.enumerated() {
      let found = dividend.dividedHalfEven(by: divisor).map { "\($0)" } ?? "none"
      if found != expected[index] {
        Issue.record("\(input[index]): found \(found), expected \(expected[index])")
        return
      }
    }
  }

  @Test func productsAndSumsEqualPythons() throws {
    var random = SplitMix(seed: 7)
    let edges: [UInt128] = [0, 1, (1 << 64) - 1, 1 << 64, 1 << 127, Self.maximum]
    var pairs = edges.flatMap { left in edges.map { (left, $0) } }
    for _ in 0..<2000 {
      pairs.append(
        (
          (UInt128(random.next()) << 64 | UInt128(random.next())) >> UInt128(random.next() % 128),
          (UInt128(random.next()) << 64 | UInt128(random.next())) >> UInt128(random.next() % 128)
        ))
    }
    // The sum stays below 2^256 because half of each product is taken away.
    let program = """
      import sys
      total = 0
      for line in sys.stdin:
          left, right = map(int, line.split())
          total = (total + left * right) % (1 << 256)
          print(left * right, total)
      """
    let expected = try Python.lines(program, input: pairs.map { "\($0.0) \($0.1)" })
    var total = UInt256()
    for (index, pair) in pairs.enumerated() {
      let product = UInt256(product: pair.0, pair.1)
      total.add(product)
      #expect("\(Python.decimal(product)) \(Python.decimal(total))" == expected[index])
    }
  }

  @Test func aDivisorOfZeroHasNoQuotient() {
    #expect(UInt256(low: 5).dividedHalfEven(by: 0) == nil)
    #expect(UInt256(low: 0, high: 5).dividedHalfEven(by: 5) == nil)
    // Rounds up past the last integer of 128 bits.
    var top = UInt256(product: Self.maximum, Self.maximum)
    top.add(UInt256(low: Self.maximum - 1))
    #expect(top.dividedHalfEven(by: Self.maximum) == nil)
  }

  @Test func percentIsHalfEvenAndBounded() {
    let unit: Int128 = 1_000_000_000_000_000_000
    #expect(LatestPriceProcessor.percent(unit, of: 4 * unit) == 25 * unit)
    #expect(LatestPriceProcessor.percent(-unit, of: 3 * unit) == -33_333_333_333_333_333_333)
    // 1 * 10^20 / (8 * 10^20) = 0.125 of the last digit, 3 and 5 of 2 * 10^20 are ties.
    #expect(LatestPriceProcessor.percent(1, of: 200 * unit) == 0)
    #expect(LatestPriceProcessor.percent(3, of: 200 * unit) == 2)
    #expect(LatestPriceProcessor.percent(5, of: 200 * unit) == 2)
    #expect(LatestPriceProcessor.percent(-3, of: 200 * unit) == -2)
    let bound: Int128 = 99_999_999_999_999_999_999_999_999_999_999_999_999
    #expect(LatestPriceProcessor.percent(bound, of: 1) == bound)
    #expect(LatestPriceProcessor.percent(-bound, of: 1) == -bound)
  }
}

/// The independent calculator.
enum Python {
  static func lines(_ program: String, input: [String]) throws -> [String] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", program]
    let output = Pipe()
    process.standardOutput = output
    // A file, since two pipes of one process can block one another.
    let path = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
    try input.joined(separator: "\n").write(to: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: path) }
    process.standardInput = try FileHandle(forReadingFrom: path)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// 256 bits as decimal text, by repeated division.
  static func decimal(_ value: UInt256) -> String {
    let base: UInt128 = 10_000_000_000_000_000_000
    var digits: [UInt64] = [
      UInt64(truncatingIfNeeded: value.high >> 64), UInt64(truncatingIfNeeded: value.high),
      UInt64(truncatingIfNeeded: value.low >> 64), UInt64(truncatingIfNeeded: value.low),
    ]
    var groups: [String] = []
    while digits.contains(where: { $0 != 0 }) {
      var rest: UInt128 = 0
      for index in digits.indices {
        let part = rest << 64 | UInt128(digits[index])
        digits[index] = UInt64(part / base)
        rest = part % base
      }
      let text = "\(rest)"
      groups.append(String(repeating: "0", count: 19 - text.count) + text)
    }
    let text = groups.reversed().joined().drop { $0 == "0" }
    return text.isEmpty ? "0" : String(text)
  }
}
