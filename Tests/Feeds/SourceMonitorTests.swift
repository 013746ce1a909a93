// Sources come to life, fall silent and come back: one event for each change, none otherwise.

import Events
import Feeds
import Testing

@Suite struct SourceMonitorTests {
  private static func tick(_ source: String) -> Tick {
    Tick(kind: .quote, instrument: "BTC/USD", source: source, eventTime: Timestamp(nanos: 0))
  }

  private static func texts(_ changes: [SourceStatus]) -> [String] {
    changes.map { "\($0.source) \($0.health) since \($0.since.millis) at \($0.appendTime.millis): \($0.detail)" }
  }

  @Test func onlyChangesAreTold() {
    var monitor = SourceMonitor(staleNanos: 30_000_000_000)
    func observe(_ sources: [String], at second: Int64) -> [String] {
      Self.texts(monitor.observe(sources.map(Self.tick), at: Timestamp(millis: second * 1000)))
    }
    func advance(to second: Int64) -> [String] { Self.texts(monitor.advance(to: Timestamp(millis: second * 1000))) }

    #expect(
      observe(["okx", "okx", "kraken"], at: 1) == [
        "okx healthy since 1000 at 1000: first heard", "kraken healthy since 1000 at 1000: first heard",
      ])
    #expect(observe(["kraken", "okx"], at: 2) == [])
    #expect(observe(["kraken"], at: 20) == [])
    #expect(advance(to: 31) == [])
    #expect(advance(to: 32) == ["okx stale since 2000 at 32000: no tick for 30 s"])
    #expect(advance(to: 33) == [])
    #expect(advance(to: 50) == ["kraken stale since 20000 at 50000: no tick for 30 s"])
    #expect(observe(["okx"], at: 51) == ["okx healthy since 51000 at 51000: heard again"])
    #expect(observe(["okx"], at: 52) == [])
    #expect(advance(to: 60) == [])
  }

  @Test func clockTicksAreNoSource() {
    var monitor = SourceMonitor()
    let clock = Tick(kind: .clock, instrument: "", source: "clock", eventTime: Timestamp(nanos: 0))
    #expect(monitor.observe([clock], at: Timestamp(nanos: 0)).isEmpty)
  }
}
