// Moments as text and back, against Foundation's calendar and by hand at the edges.

import Core
import Foundation
import Kit
import Testing

@Suite struct RFC3339GrammarTests {
  @Test func textAndBackIsTheSameMoment() {
    let seed: UInt64 = 3339
    var random = SplitMix(seed: seed)
    for round in 0..<20_000 {
      // 1678 to 2261, with every number of digits behind the second.
      let unit: Int64 = [1, 1_000, 1_000_000, 1_000_000_000][round % 4]
      let nanos = Int64.random(in: -9_214_000_000_000_000_000...9_214_000_000_000_000_000, using: &random) / unit * unit
      #expect(RFC3339.parse(RFC3339.text(nanos: nanos)) == nanos, "seed \(seed), round \(round): \(nanos)")
    }
  }

  @Test func theCalendarIsFoundations() throws {
    let seed: UInt64 = 1970
    var random = SplitMix(seed: seed)
    for round in 0..<2_000 {
      let seconds = Int64.random(in: -9_000_000_000...9_000_000_000, using: &random)
      let text = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
      #expect(RFC3339.parse(text) == seconds * 1_000_000_000, "seed \(seed), round \(round): \(text)")
    }
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00+00:00", 0),
    ("1970-01-01T01:30:00+01:30", 0), ("1969-12-31T22:30:00-01:30", 0), ("1969-12-31T23:59:59.999999999Z", -1),
    ("1970-01-01T00:00:00.1Z", 100_000_000), ("1970-01-01T00:00:00.0000000019Z", 1),
    ("2000-02-29T00:00:00Z", 951_782_400_000_000_000), ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
  ])
  func formsOfTheGrammar(_ text: String, _ nanos: Int64) { #expect(RFC3339.parse(text) == nanos) }

  @Test(arguments: [
    "", "1970", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "1970-01-01T00:00Z",
    "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "1970-01-00T00:00:00Z",
    "1900-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
    "1970-01-01T00:00:61Z", "0001-01-01T00:00:00Z", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z",
    "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00.5",
    "+970-01-01T00:00:00Z", "1970/01/01T00:00:00Z", "1970-01-01X00:00:00Z", "1970-01-01T00:00:00-",
  ])
  func whatIsNoMoment(_ text: String) { #expect(RFC3339.parse(text) == nil) }
}
