// The latest price by the plainest means: dictionaries, lists, everything computed anew.

import Events

/// What `LatestPriceProcessor` must equal. Prices are below 10^17 raw here, so that Int128 holds every product.
struct PlainLatest {
  let settings: LatestPriceRules
  var streamNanos: Int64 = 0
  /// In the order of first sight.
  var keys: [String] = []
  var quotes: [String: [String: (price: Int128, time: Int64)]] = [:]
  var trades: [String: [(time: Int64, volume: Int128)]] = [:]
  var emitted: [String: [(streamNanos: Int64, price: Int128, sources: [String])]] = [:]
  var oldest: [String: Int64] = [:]
  var dirty: Set<String> = []
  var cooling: [(key: String, since: Int64)] = []
  var outputs: [LatestPrice] = []

  struct LatestPriceRules {
    var weights: [String: Int128]
    var defaultWeight: Int128
    var staleness: Int64 = 30_000_000_000
    var interval: Int64 = 100_000_000
  }

  init(_ rules: LatestPriceRules) { settings = rules }

  mutating func apply(_ tick: Tick, appendTime: Int64) {
    streamNanos = max(streamNanos, tick.eventTime.nanos)
    var changed: String?
    if tick.kind == .trade || tick.kind == .quote {
      changed = tick.instrument
      take(tick)
    } else if tick.kind == .clock {
      for key in keys where (oldest[key] ?? .max) < streamNanos - settings.staleness {
        if cooling.contains(where: { $0.key == key }) {
          dirty.insert(key)
        } else {
          evaluate(key, tick, appendTime)
        }
      }
    }
    while let head = cooling.first, appendTime - head.since >= settings.interval || appendTime < head.since {
      cooling.removeFirst()
      if dirty.contains(head.key) { evaluate(head.key, tick, appendTime) }
    }
    if let changed, !cooling.contains(where: { $0.key == changed }) { evaluate(changed, tick, appendTime) }
  }

  private mutating func take(_ tick: Tick) {
    let key = tick.instrument
    if let known = quotes[key]?[tick.source], known.time > tick.eventTime.nanos {
    } else {
      quotes[key, default: [:]][tick.source] = (tick.price.raw, tick.eventTime.nanos)
    }
    if tick.kind == .trade { trades[key, default: []].append((tick.eventTime.nanos, tick.volume.raw)) }
    dirty.insert(key)
  }

  private func weight(_ source: String) -> Int128 { settings.weights[source] ?? settings.defaultWeight }

  private mutating func evaluate(_ key: String, _ tick: Tick, _ appendTime: Int64) {
    dirty.remove(key)
    let fresh = (quotes[key] ?? [:]).filter {
      $0.value.time >= streamNanos - settings.staleness && weight($0.key) > 0
    }
    oldest[key] = fresh.values.map(\.time).min() ?? .max
    let names = fresh.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    if names.isEmpty { return }
    var sum: Int128 = 0
    var weightSum: Int128 = 0
    for name in names {
      sum += (fresh[name]?.price ?? 0) * weight(name) / 1_000_000_000_000_000
      weightSum += weight(name) / 1_000_000_000_000_000
    }
    let price = halfEven(sum, weightSum)
    let last = emitted[key]?.last
    if let last, last.price == price, last.sources == names { return }
    emitted[key, default: []].append((streamNanos, price, names))
    cooling.append((key, appendTime))
    let reference = referencePrice(key)
    let bucket = streamNanos / 300_000_000_000
    let recent = (trades[key] ?? []).filter { $0.time / 300_000_000_000 >= bucket - 288 }
    outputs.append(
      LatestPrice(
        instrument: key, price: Price(raw: price), previousPrice: last.map { Price(raw: $0.price) },
        direction: last.map { $0.price == price ? .unchanged : (price > $0.price ? .up : .down) } ?? .unchanged,
        change24h: Price(raw: price - reference),
        changePercent24h: Quantity(raw: halfEven((price - reference) * 100_000_000_000_000_000_000, reference)),
        volume24h: Quantity(raw: recent.reduce(0) { $0 + $1.volume }),
        sources: names.map {
          PriceContribution(
            source: $0, price: Price(raw: fresh[$0]?.price ?? 0), weight: Quantity(raw: weight($0)),
            eventTime: Timestamp(nanos: fresh[$0]?.time ?? 0))
        }, eventTime: tick.eventTime, appendTime: Timestamp(nanos: appendTime)))
  }

  private func referencePrice(_ key: String) -> Int128 {
    let history = emitted[key] ?? []
    let oldestBucket = streamNanos / 300_000_000_000 - 288
    let before = history.last { $0.streamNanos / 300_000_000_000 < oldestBucket }
    return before?.price ?? history.first?.price ?? 0
  }
}

/// `dividend / divisor` to the nearest integer, ties to even; `divisor` is positive.
func halfEven(_ dividend: Int128, _ divisor: Int128) -> Int128 {
  let floor = dividend >= 0 ? dividend / divisor : -((-dividend + divisor - 1) / divisor)
  let rest = dividend - floor * divisor
  if rest * 2 > divisor || (rest * 2 == divisor && floor % 2 != 0) { return floor + 1 }
  return floor
}
