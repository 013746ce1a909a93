// Whether the sources of ticks are alive: a state for each, and an event only when it changes.

import Core
package import Events

/// Follows when each source was last heard. Pure: times come with the calls.
package struct SourceMonitor: Sendable {
  private struct Source {
    let name: String
    var lastHeard: Timestamp
    var health: SourceHealth
  }

  private let staleNanos: Int64
  private var sources: [Source] = []
  private var last = 0

  /// A source is stale when nothing was heard of it for `staleNanos`.
  package init(staleNanos: Int64 = Limits.sourceStaleNanos) { self.staleNanos = staleNanos }

  /// Takes ticks that arrived at `now`, and returns the sources that they brought to life. Clock ticks are no
  /// source's.
  package mutating func observe(_ ticks: [Tick], at now: Timestamp) -> [SourceStatus] {
    var changes: [SourceStatus] = []
    for tick in ticks where tick.kind != .clock {
      guard let index = index(of: tick.source) else {
        // Beyond the limit a source is heard but not followed.
        guard sources.count < Limits.sourcesMax else { continue }
        sources.append(Source(name: tick.source, lastHeard: now, health: .healthy))
        changes.append(status(sources[sources.count - 1], since: now, "first heard", now))
        continue
      }
      sources[index].lastHeard = max(sources[index].lastHeard, now)
      if sources[index].health != .healthy {
        sources[index].health = .healthy
        changes.append(status(sources[index], since: now, "heard again", now))
      }
    }
    return changes
  }

  /// Returns the sources that have become stale by `now`. To be called every second or so.
  package mutating func advance(to now: Timestamp) -> [SourceStatus] {
    var changes: [SourceStatus] = []
    for index in sources.indices where sources[index].health == .healthy {
      let silence = now.nanos.subtractingReportingOverflow(sources[index].lastHeard.nanos).partialValue
      guard silence >= staleNanos else { continue }
      sources[index].health = .stale
      let seconds = silence / 1_000_000_000
      let since = sources[index].lastHeard
      changes.append(status(sources[index], since: since, "no tick for \(seconds) s", now))
    }
    return changes
  }

  /// Ticks of one source tend to come together: the last one found is tried first.
  private mutating func index(of source: String) -> Int? {
    if last < sources.count, Self.isSame(sources[last].name, source) { return last }
    guard let found = sources.firstIndex(where: { Self.isSame($0.name, source) }) else { return nil }
    last = found
    return found
  }

  /// As bytes: canonically equivalent names are different keys.
  private static func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

  private func status(_ source: Source, since: Timestamp, _ detail: String, _ now: Timestamp) -> SourceStatus {
    SourceStatus(
      source: source.name, health: source.health, since: since, detail: detail, eventTime: now, appendTime: now)
  }
}
