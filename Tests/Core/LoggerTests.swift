// Log lines and moments as text.

import Core
import Synchronization
import Testing

private struct FixedClock: Clock {
  func wallNanos() -> Int64 { 1_795_231_773_125_999_999 }
  func monotonicNanos() -> Int64 { 0 }
}

private final class Lines: Sendable {
  let lines = Mutex<[String]>([])
  func add(_ bytes: [UInt8]) { lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
}

@Suite struct LoggerTests {
  @Test func logfmtQuotesWhatNeedsIt() {
    let lines = Lines()
    let logger = Logger(clock: FixedClock(), output: { lines.add($0) })
    logger.info("log opened", ["partitions": "4", "dir": "/a b", "odd": "x=\"1\"\n\u{1}", "none": ""])
    let expected =
      #"time=2026-11-21T03:29:33.125Z level=info msg="log opened" partitions=4 dir="/a b" "#
      + #"odd="x=\"1\"\n\u0001" none="""# + "\n"
    #expect(lines.lines.withLock { $0 } == [expected])
  }

  @Test func jsonIsOneObjectALine() {
    let lines = Lines()
    let logger = Logger(format: .json, clock: FixedClock(), output: { lines.add($0) })
    logger.error("broken", ["at": "12"])
    #expect(
      lines.lines.withLock { $0 } == [
        #"{"time":"2026-11-21T03:29:33.125Z","level":"error","msg":"broken","at":"12"}"# + "\n"
      ])
  }

  @Test func lowerLevelsAreLeftOut() {
    let lines = Lines()
    let logger = Logger(minimum: .warning, clock: FixedClock(), output: { lines.add($0) })
    logger.debug("a")
    logger.info("b")
    logger.warning("c")
    #expect(lines.lines.withLock { $0.count } == 1)
  }
}

@Suite struct RFC3339Tests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (1_795_231_773_125_000_000, "2026-11-21T03:29:33.125Z"),
    (951_782_400_000_000_000, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
    (1_000, "1970-01-01T00:00:00.000001Z"),
  ])
  func textAndBack(nanos: Int, text: String) {
    #expect(RFC3339.text(nanos: Int64(nanos)) == text)
    #expect(RFC3339.parse(text) == Int64(nanos))
  }

  @Test func offsetsAndLowerCaseAreRead() {
    #expect(RFC3339.parse("2026-11-21T05:29:33.125+02:00") == 1_795_231_773_125_000_000)
    #expect(RFC3339.parse("2026-11-20t22:29:33.125-05:00") == 1_795_231_773_125_000_000)
    #expect(RFC3339.parse("1970-01-01T00:00:00.0000000019Z") == 1)
  }

  @Test(arguments: [
    "", "2026", "2026-11-21", "2026-11-21T03:29:33", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T03:29:33.Z",
    "2026-11-21T03:29:33+0200", "9999-01-01T00:00:00Z", "2026-11-21T03:29:33Zx", "-026-11-21T03:29:33Z",
  ])
  func whatIsNoMomentIsRefused(text: String) {
    #expect(RFC3339.parse(text) == nil)
  }

  @Test func everyDayOfFourCenturiesIsItself() {
    for day: Int64 in -73_000...73_000 {
      let nanos = day * 86_400_000_000_000
      let parsed = RFC3339.parse(RFC3339.text(nanos: nanos))
      if parsed != nanos { Issue.record("day \(day) became \(String(describing: parsed))") }
    }
  }
}
