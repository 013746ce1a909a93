// Candles by the plainest means: every tick is kept, and every candle computed from its ticks.

import Events

/// What `CandleProcessor` must equal. Volumes and prices are small here, so that Int128 holds every sum of products.
struct PlainCandles {
  struct Bucket: Hashable {
    var key: String
    var interval: CandleInterval
    var start: Int64
    var end: Int64 { start + Int64(interval.rawValue) * 1_000_000_000 }
  }

  let intervals: [CandleInterval]
  let lateness: Int64
  let interval: Int64
  var streamNanos: Int64 = 0
  /// In the order of first sight.
  var keys: [String] = []
  var ticks: [Bucket: [Tick]] = [:]
  var revisions: [Bucket: Int32] = [:]
  var dirty: Set<Bucket> = []
  var cooling: [(key: String, since: Int64)] = []
  var outputs: [Candle] = []
  /// The offsets of ticks that came too late.
  var late: [Int64] = []

  init(_ intervals: [CandleInterval] = CandleInterval.allCases, lateness: Int64, interval: Int64 = 1_000_000_000) {
    self.intervals = intervals
    self.lateness = lateness
    self.interval = interval
  }

  mutating func apply(_ tick: Tick, appendTime: Int64, offset: Int64) {
    streamNanos = max(streamNanos, tick.eventTime.nanos)
    finish(tick, appendTime)
    var changed: String?
    if tick.kind == .trade || tick.kind == .quote {
      let time = tick.eventTime.nanos
      for interval in intervals {
        let length = Int64(interval.rawValue) * 1_000_000_000
        let bucket = Bucket(key: tick.instrument, interval: interval, start: time - time % length)
        if bucket.end + lateness <= streamNanos {
          if late.last != offset { late.append(offset) }
        } else {
          changed = tick.instrument
          ticks[bucket, default: []].append(tick)
          dirty.insert(bucket)
        }
      }
    }
    while let head = cooling.first, appendTime - head.since >= interval || appendTime < head.since {
      cooling.removeFirst()
      emitOpen(head.key, tick, appendTime)
    }
    if let changed, !cooling.contains(where: { $0.key == changed }) { emitOpen(changed, tick, appendTime) }
  }

  private mutating func emitOpen(_ key: String, _ tick: Tick, _ appendTime: Int64) {
    let due = dirty.filter { $0.key == key }.sorted {
      ($0.interval.rawValue, $0.start) < ($1.interval.rawValue, $1.start)
    }
    if due.isEmpty { return }
    for bucket in due { emit(bucket, isFinal: false, tick, appendTime) }
    cooling.append((key, appendTime))
  }

  private mutating func finish(_ tick: Tick, _ appendTime: Int64) {
    let ended = ticks.keys.filter { $0.end + lateness <= streamNanos }
    func order(_ bucket: Bucket) -> (Int64, Int, Int32) {
      (bucket.end, keys.firstIndex(of: bucket.key) ?? 0, bucket.interval.rawValue)
    }
    for bucket in ended.sorted(by: { order($0) < order($1) }) {
      emit(bucket, isFinal: true, tick, appendTime)
      ticks[bucket] = nil
    }
  }

  private mutating func emit(_ bucket: Bucket, isFinal: Bool, _ tick: Tick, _ appendTime: Int64) {
    dirty.remove(bucket)
    revisions[bucket, default: 0] += 1
    let parts = ticks[bucket] ?? []
    guard var open = parts.first, var close = parts.first else { return }
    var sum: Int128 = 0
    var volume: Int128 = 0
    for part in parts {
      if part.eventTime < open.eventTime { open = part }
      if part.eventTime >= close.eventTime { close = part }
      sum += part.price.raw * part.volume.raw
      volume += part.volume.raw
    }
    outputs.append(
      Candle(
        instrument: bucket.key, interval: bucket.interval, start: Timestamp(nanos: bucket.start), open: open.price,
        high: parts.map(\.price).max() ?? .zero, low: parts.map(\.price).min() ?? .zero, close: close.price,
        volume: Quantity(raw: volume), vwap: volume == 0 ? nil : Price(raw: halfEven(sum, volume)),
        ticks: Int64(parts.count), revision: revisions[bucket] ?? 0, isFinal: isFinal, eventTime: tick.eventTime,
        appendTime: Timestamp(nanos: appendTime)))
  }
}
