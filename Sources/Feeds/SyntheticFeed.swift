// The synthetic market as a feed: paced by the clock, or as fast as the log takes it.

package import Core
package import Events

/// When the ticks of a synthetic feed happen.
package enum SyntheticPace: Equatable, Sendable {
  /// Now, so many a second over all instruments; at least 1.
  case perSecond(Int)
  /// Now, as many as the sink takes.
  case max
  /// In a time of its own: from `start` on, `ticksPerSecond` in each second of event time, `count` ticks in all (clock
  /// ticks not counted), as fast as the sink takes them. Then the feed ends.
  case history(start: Timestamp, ticksPerSecond: Int, count: Int)
}

/// Sends the ticks of a `SyntheticMarket` to a sink, with a clock tick each second of its time. Safe from any thread.
package final class SyntheticFeed<TimeSource: Clock, Sink: TickSink>: Sendable {
  private let configuration: SyntheticConfiguration
  private let pace: SyntheticPace
  private let clock: TimeSource
  private let outlet: FeedOutlet<Sink>
  private let thread = FeedThread()

  package init(_ configuration: SyntheticConfiguration, pace: SyntheticPace, clock: TimeSource, sink: Sink) {
    self.configuration = configuration
    self.pace = pace
    self.clock = clock
    outlet = FeedOutlet(sink)
  }

  package var progress: FeedProgress { outlet.progress }

  /// Starts the feed's thread. `onEnd` runs on it when the feed ends by itself, which only a history does.
  package func start(onEnd: (@Sendable () -> Void)? = nil) {
    thread.start("synthetic") {
      self.run()
      if !self.thread.isStopping { onEnd?() }
    }
  }

  /// Ends the feed within the time that the sink takes for a batch, and waits for it. What was generated was sent.
  package func stop() { thread.stop() }

  /// Waits for the end of a history, or until `stop()`.
  package func wait() { thread.wait() }

  private func run() {
    var market = configuration
    switch pace {
    case .perSecond(let rate):
      market.ticksPerSecond = rate
      runPaced(SyntheticRun(market), perSecond: rate)
    case .max:
      // What a log takes, give or take; it scales the walk alone.
      market.ticksPerSecond = 1_000_000
      runUnpaced(SyntheticRun(market))
    case .history(let start, let ticksPerSecond, let count):
      market.ticksPerSecond = ticksPerSecond
      runHistory(SyntheticRun(market), from: start, perSecond: Int64(Swift.max(1, ticksPerSecond)), count: count)
    }
  }

  private func runPaced(_ start: SyntheticRun, perSecond: Int) {
    var run = start
    var pacer = Pacer(perSecond: perSecond, startingAt: clock.monotonicNanos())
    var last = clock.wallNanos()
    repeat {
      let now = clock.monotonicNanos()
      // Event times never go back, even where the wall clock does.
      let wall = Swift.max(last, clock.wallNanos())
      let due = pacer.take(at: now)
      var done = 0
      while done < due, !thread.isStopping {
        let count = Swift.min(due - done, Limits.feedBatchTicks)
        for index in done..<done + count {
          // Spread over the time since the last round: the round is ours, not the market's.
          run.next(at: last + Int64(Int128(wall - last) * Int128(index + 1) / Int128(due)))
        }
        done += count
        outlet.send(&run.ticks)
      }
      last = wall
      run.mark(upTo: wall)
      outlet.send(&run.ticks)
      outlet.note(skipped: pacer.skipped)
      let untilTick = Swift.max(Limits.feedBatchNanos, pacer.nanosUntilNext(at: now))
      if !thread.pause(Swift.min(untilTick, run.nanosUntilClock(from: wall))) { return }
    } while true
  }

  private func runUnpaced(_ start: SyntheticRun) {
    var run = start
    var last = clock.wallNanos()
    while !thread.isStopping {
      let wall = Swift.max(last, clock.wallNanos())
      let count = Limits.feedBatchTicks
      for index in 1...count {
        run.next(at: last + Int64(Int128(wall - last) * Int128(index) / Int128(count)))
      }
      last = wall
      outlet.send(&run.ticks)
    }
  }

  private func runHistory(_ start: SyntheticRun, from origin: Timestamp, perSecond: Int64, count: Int) {
    var run = start
    var index: Int64 = 0
    while run.ticksMade < count, !thread.isStopping {
      while run.ticks.count < Limits.feedBatchTicks, run.ticksMade < count {
        let (seconds, part) = index.quotientAndRemainder(dividingBy: perSecond)
        run.next(at: origin.nanos &+ seconds &* 1_000_000_000 &+ part &* 1_000_000_000 / perSecond)
        index += 1
      }
      outlet.send(&run.ticks)
    }
    // The second after the last tick ends the last full one.
    run.mark(upTo: origin.nanos &+ (index / perSecond &+ 1) &* 1_000_000_000)
    outlet.send(&run.ticks)
  }
}

/// A market and the seconds that pass in it.
private struct SyntheticRun {
  var ticks: [Tick] = []
  /// Ticks of the market so far, clock ticks not counted.
  private(set) var ticksMade = 0
  private var market: SyntheticMarket
  private var marker = SecondMarker()

  init(_ configuration: SyntheticConfiguration) {
    market = SyntheticMarket(configuration)
    ticks.reserveCapacity(Limits.feedBatchTicks * 2)
  }

  mutating func next(at nanos: Int64) {
    let time = Timestamp(nanos: nanos)
    marker.mark(upTo: time, into: &ticks)
    let before = ticks.count
    market.next(at: time, into: &ticks)
    ticksMade += ticks.count - before
  }

  mutating func mark(upTo nanos: Int64) { marker.mark(upTo: Timestamp(nanos: nanos), into: &ticks) }

  func nanosUntilClock(from nanos: Int64) -> Int64 {
    marker.nextDue.map { Swift.max(0, $0.nanos - nanos) } ?? 0
  }
}
