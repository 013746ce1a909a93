// The folds against the plain models, over random streams.

import Codecs
import Events
import Kit
import Processors
import Projections
import Testing

@Suite struct DifferentialTests {
  static let rules = PlainLatest.LatestPriceRules(
    weights: LatestPriceSettings.defaultWeights.mapValues(\.raw), defaultWeight: 500_000_000_000_000_000)

  /// What the screen must let through, said once more.
  static func isAdmitted(_ tick: Tick, appendTime: Int64) -> Bool {
    if tick.eventTime.nanos < 0 { return false }
    if tick.kind == .clock || tick.kind == .gap {
      return tick.kind == .clock || tick.eventTime.nanos - appendTime <= 60_000_000_000
    }
    return tick.price.raw > 0 && tick.volume.raw >= 0 && tick.eventTime.nanos - appendTime <= 60_000_000_000
  }

  @Test(arguments: 1...40) func foldsEqualThePlainModels(seed: UInt64) throws {
    var stream = TickStream(seed: seed)
    stream.pace = [40_000_000, 400_000, 900_000_000][Int(seed % 3)]
    let records = stream.records(4000)
    let lateness: Int64 = [30, 0, 90, 3600][Int(seed % 4)] * 1_000_000_000
    var candles = PlainCandles(
      seed % 5 == 0 ? [.fiveMinutes, .oneHour] : CandleInterval.allCases, lateness: lateness)
    var latest = PlainLatest(Self.rules)
    for (offset, record) in records.enumerated() {
      guard case .tick(let tick, let appendTime) = record else { continue }
      // Also a refused tick names its instrument: the order of names decides between events of one cause.
      if tick.kind != .clock, !candles.keys.contains(tick.instrument) {
        candles.keys.append(tick.instrument)
        latest.keys.append(tick.instrument)
      }
      guard Self.isAdmitted(tick, appendTime: appendTime) else { continue }
      latest.apply(tick, appendTime: appendTime)
      candles.apply(tick, appendTime: appendTime, offset: Int64(offset))
    }
    let result = try fold(
      encode(records) { $0 % 97 == 0 }, LatestPriceSettings(),
      CandleSettings(intervals: candles.intervals, latenessNanos: lateness))
    expectSame(result.latest, latest.outputs, "latest, seed \(seed)")
    expectSame(result.candles, candles.outputs, "candles, seed \(seed)")
    #expect(result.dead.filter { $0.reason == .late }.map(\.offset) == candles.late, "seed \(seed)")
    #expect(result.latest.count == result.records[0].count && result.candles.count == result.records[1].count)
  }

  @Test(arguments: 1...20) func noBatchBoundaryAndNoRestartIsVisible(seed: UInt64) throws {
    var stream = TickStream(seed: seed &* 77)
    let records = stream.records(2500)
    var random = SplitMix(seed: seed)
    let whole = try fold(encode(records) { _ in false })
    let singly = try fold(encode(records) { _ in true })
    #expect(whole == singly, "seed \(seed)")
    let cuts = Set((0..<40).map { _ in Int(random.next() % 2500) })
    let restarts = Set((0..<20).map { _ in Int(random.next() % 40) })
    let restarted = try fold(encode(records) { cuts.contains($0) }, restarts: restarts)
    #expect(whole.records == restarted.records, "seed \(seed)")
    #expect(whole.state == restarted.state, "seed \(seed)")
    #expect(!whole.records[0].isEmpty && !whole.records[1].isEmpty && !whole.records[2].isEmpty)
  }

  @Test func deadLettersHoldTheOriginal() throws {
    var stream = TickStream(seed: 5)
    let records = stream.records(3000)
    let dead = try fold(encode(records) { $0 % 500 == 0 }).dead
    #expect(Set(dead.map(\.reason)) == Set(DeadLetterReason.allCases))
    #expect(dead.map(\.offset) == dead.map(\.offset).sorted())
    var scratch = ByteWriter()
    for letter in dead {
      switch records[Int(letter.offset)] {
      case .garbage(let key, let value, let timestampMillis):
        #expect(letter.reason == .undecodable && letter.key == key && letter.value == value)
        #expect(letter.eventTime.millis == timestampMillis)
      case .tick(let tick, let appendTime):
        scratch.removeAll()
        tick.encode(appendTime: Timestamp(nanos: appendTime), into: &scratch)
        #expect(letter.value == scratch.copy() && letter.key == Array(tick.instrument.utf8))
        #expect(letter.eventTime == tick.eventTime && letter.appendTime.nanos == appendTime)
      }
    }
  }

  /// Names the first difference instead of printing both lists.
  private func expectSame<Event: Equatable>(_ found: [Event], _ expected: [Event], _ name: String) {
    #expect(found.count == expected.count, "\(name)")
    let first = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }
    if let first {
      Issue.record("\(name), record \(first.offset):\nfound    \(first.element.0)\nexpected \(first.element.1)")
    }
  }
}
