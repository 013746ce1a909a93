// The candles of one instrument and interval.

import Events

/// Candles in the order of their start, each in its newest revision.
struct CandleSeries {
  private(set) var candles: [(candle: Candle, offset: Int64)] = []
  /// The partition that the instrument lives in.
  let partition: Int
  /// Older candles were here once.
  private(set) var hasDropped = false

  init(partition: Int) { self.partition = partition }

  /// Takes one revision and, once a quarter more than `countMax` are there, drops the oldest beyond it. A revision of a
  /// candle that was dropped stays out.
  mutating func apply(_ candle: Candle, offset: Int64, countMax: Int) {
    let index = firstIndex(startingAtOrAfter: candle.start)
    if index < candles.count, candles[index].candle.start == candle.start {
      if candle.revision >= candles[index].candle.revision { candles[index] = (candle, offset) }
      return
    }
    if index == 0, hasDropped { return }
    candles.insert((candle, offset), at: index)
    if candles.count > countMax + countMax / 4 {
      candles.removeFirst(candles.count - countMax)
      hasDropped = true
    }
  }

  func range(from: Timestamp, to: Timestamp) -> Range<Int> {
    let start = firstIndex(startingAtOrAfter: from)
    return start..<max(start, firstIndex(startingAtOrAfter: to))
  }

  /// Nearly always the last one or the end: new candles come in order.
  private func firstIndex(startingAtOrAfter start: Timestamp) -> Int {
    if let last = candles.last, last.candle.start < start { return candles.count }
    var low = 0
    var high = candles.count
    while low < high {
      let middle = (low + high) / 2
      if candles[middle].candle.start < start { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
