// The synthetic feed's pace: exact over any time, in order, with its seconds, and quick to stop.

import Core
import Events
import Testing

@testable import Feeds

@Suite struct SyntheticFeedTests {
  @Test func aPacerKeepsItsRateHoweverUnevenlyItIsAsked() {
    for rate in [1, 3, 60, 9_999, 10_000, 1_000_000] {
      var random = SplitMix64(seed: UInt64(rate))
      var pacer = Pacer(perSecond: rate, startingAt: 500)
      var now: Int64 = 500
      var taken = 0
      while now < 100_000_000_000 {
        now += Int64(random.below(900_000_000))
        taken += pacer.take(at: now)
        #expect(taken == Int(Int128(now - 500) * Int128(rate) / 1_000_000_000), "rate \(rate) at \(now)")
      }
      #expect(pacer.skipped == 0)
    }
  }

  @Test func thePacerNamesTheMomentOfTheNextTick() {
    for rate in [1, 3, 7, 60, 10_000] {
      var pacer = Pacer(perSecond: rate, startingAt: 0)
      var now: Int64 = 0
      for index in 1...1000 {
        now += pacer.nanosUntilNext(at: now)
        #expect(pacer.take(at: now) == 1, "tick \(index) at rate \(rate)")
        #expect(pacer.take(at: now) == 0)
      }
    }
  }

  @Test func aLongHoldUpIsSkippedNotMadeUpFor() {
    var pacer = Pacer(perSecond: 1000, startingAt: 0)
    #expect(pacer.take(at: 5_000_000_000) == 1000)
    #expect(pacer.skipped == 4000)
    #expect(pacer.take(at: 5_001_000_000) == 1)
  }

  @Test func aPacedFeedSendsItsRateInOrderWithASecondEachSecond() {
    let sink = CollectingSink()
    let feed = SyntheticFeed(
      SyntheticConfiguration().faultless, pace: .perSecond(10_000), clock: SteppingClock(stepNanos: 10_000_000),
      sink: sink)
    feed.start()
    sink.wait(for: 30_000)
    feed.stop()
    let ticks = sink.ticks
    let clocks = ticks.filter { $0.kind == .clock }
    let market = ticks.filter { $0.kind != .clock }
    let span = (ticks.last?.eventTime.nanos ?? 0) - (ticks.first?.eventTime.nanos ?? 0)
    let rate = Int128(market.count) * 1_000_000_000 / Int128(max(1, span))
    #expect((9_900...10_100).contains(rate), "\(rate) a second over \(span) ns")
    #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $0.eventTime <= $1.eventTime })
    #expect(clocks.count >= 3)
    #expect(
      clocks.allSatisfy { $0.instrument.isEmpty && $0.source == "clock" && $0.eventTime.nanos % 1_000_000_000 == 0 })
    #expect(zip(clocks, clocks.dropFirst()).allSatisfy { $1.eventTime.nanos - $0.eventTime.nanos == 1_000_000_000 })
    #expect(sink.largestBatch <= Limits.feedBatchTicks + 2)
    #expect(feed.progress.ticks == Int64(ticks.count))
  }

  @Test func aSlowFeedStopsAtOnce() {
    let sink = CollectingSink()
    let feed = SyntheticFeed(SyntheticConfiguration(), pace: .perSecond(1), clock: SystemClock(), sink: sink)
    feed.start()
    sink.wait(for: 1)
    let start = SystemClock().monotonicNanos()
    feed.stop()
    #expect(SystemClock().monotonicNanos() - start < 100_000_000)
  }

  @Test func aFeedAtFullSpeedStopsAtOnce() {
    let sink = CollectingSink()
    let feed = SyntheticFeed(SyntheticConfiguration(), pace: .max, clock: SystemClock(), sink: sink)
    feed.start()
    sink.wait(for: 10_000)
    let start = SystemClock().monotonicNanos()
    feed.stop()
    #expect(SystemClock().monotonicNanos() - start < 100_000_000)
    #expect(
      zip(sink.ticks, sink.ticks.dropFirst()).allSatisfy {
        $1.kind != .trade || $0.kind != .clock || $0.eventTime <= $1.eventTime
      })
  }

  @Test func aHistoryIsTheSameEachTime() {
    func history() -> [Tick] {
      let sink = CollectingSink()
      let pace = SyntheticPace.history(start: Timestamp(millis: 1_700_000_000_000), ticksPerSecond: 1000, count: 25_000)
      let feed = SyntheticFeed(SyntheticConfiguration(), pace: pace, clock: SystemClock(), sink: sink)
      feed.start()
      feed.wait()
      return sink.ticks
    }
    let first = history()
    #expect(first == history())
    #expect(first.count { $0.kind == .clock } == 26)
    #expect((25_000...25_001).contains(first.count { $0.kind != .clock }))
    #expect(first.first?.eventTime == Timestamp(millis: 1_700_000_000_000))
    #expect(first.last?.eventTime == Timestamp(millis: 1_700_000_025_000))
  }

  @Test func whatTheSinkCannotKeepIsCounted() {
    let sink = CollectingSink(failure: "disk full")
    let pace = SyntheticPace.history(start: Timestamp(millis: 0), ticksPerSecond: 10, count: 10)
    let feed = SyntheticFeed(SyntheticConfiguration(), pace: pace, clock: SystemClock(), sink: sink)
    feed.start()
    feed.wait()
    #expect(feed.progress.failures > 0 && feed.progress.firstFailure == "disk full")
  }

  @Test func secondsAreMarkedOneByOneAndALongSilenceAtOnce() {
    func marks(_ seconds: [Int64]) -> [Int64] {
      var marker = SecondMarker()
      var ticks: [Tick] = []
      for second in seconds { marker.mark(upTo: Timestamp(millis: second * 1000 + 500), into: &ticks) }
      return ticks.map { $0.eventTime.nanos / 1_000_000_000 }
    }
    #expect(marks([10]) == [10])
    #expect(marks([10, 10, 11, 13]) == [10, 11, 12, 13])
    #expect(marks([10, 9, 8]) == [10])
    #expect(marks([10, 70]) == Array(10...70))
    #expect(marks([10, 71, 72]) == [10, 71, 72])
    #expect(marks([-3]) == [-3])
  }
}
