// Where an instrument's open candles lie.

import Events

/// One interval of several minutes, and its ring of bars in an instrument's row.
struct RolledInterval {
  let interval: CandleInterval
  let minutes: Int32
  /// The first of its places in an instrument's row of `CandleLayout.rolledCount`.
  let first: Int
  /// How many there are: a power of two.
  let places: Int

  func place(_ bucket: Int32) -> Int { first + (Int(bucket) & (places - 1)) }
}

/// The rings of open bars. A bucket is open from its first tick until the stream time reaches its end plus the
/// lateness, so those open at once follow one another, and a ring indexed by the bucket's number holds them.
struct CandleLayout {
  /// Places for open minutes: a power of two, at most 64, so that a word holds a bit for each.
  let minutePlaces: Int
  /// The configured intervals of more than a minute, ascending.
  let rolled: [RolledInterval]
  let rolledCount: Int
  let hasMinutes: Bool

  init(_ settings: CandleSettings) {
    func places(_ seconds: Int32) -> Int {
      let nanos = Int64(seconds) * 1_000_000_000
      return (Int((settings.latenessNanos + nanos - 1) / nanos) + 1).nextPowerOfTwo
    }
    minutePlaces = places(60)
    hasMinutes = settings.intervals.contains(.oneMinute)
    var rolled: [RolledInterval] = []
    var next = 0
    for interval in settings.intervals where interval != .oneMinute {
      let count = places(interval.rawValue)
      rolled.append(
        RolledInterval(interval: interval, minutes: interval.rawValue / 60, first: next, places: count))
      next += count
    }
    self.rolled = rolled
    rolledCount = next
  }

  /// By place, the bucket that it may hold while `minutes` are open; nil where none is.
  func openBuckets(_ minutes: ClosedRange<Int32>) -> (minutes: [Int32?], rolled: [Int32?]) {
    func ring(of length: Int32, places: Int) -> [Int32?] {
      var buckets = [Int32?](repeating: nil, count: places)
      for bucket in minutes.lowerBound / length...minutes.upperBound / length {
        buckets[Int(bucket) & (places - 1)] = bucket
      }
      return buckets
    }
    return (ring(of: 1, places: minutePlaces), rolled.flatMap { ring(of: $0.minutes, places: $0.places) })
  }
}
