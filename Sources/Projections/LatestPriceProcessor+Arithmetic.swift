// The numbers of the latest price: the weighted average, and the volume and change of 24 hours.

import Codecs
import Events
import Processors

extension LatestPriceProcessor {
  /// sum(weight * price) / sum(weight) over the sources that are not stale, rounded half-even once.
  func average(of instrument: Int) -> Aggregate {
    let cutoff = streamNanos - settings.stalenessNanos
    let first = instrument &* stride
    var aggregate = Aggregate()
    var sum: UInt128 = 0
    var weightSum: UInt64 = 0
    var allPrices: Int128 = 0
    for source in 0..<weights.count {
      let eventNanos = quotes[first &+ source].eventNanos
      let weight = weights.reduced[source]
      if eventNanos < cutoff || weight == 0 { continue }
      let price = quotes[first &+ source].price
      allPrices |= price
      sum &+= UInt128(truncatingIfNeeded: price) &* UInt128(weight)
      weightSum &+= weight
      aggregate.contributing |= 1 &<< UInt64(source)
      aggregate.oldestNanos = min(aggregate.oldestNanos, eventNanos)
    }
    if aggregate.contributing == 0 { return aggregate }
    if weights.areSmall, allPrices >> 96 == 0 {
      let quotient = UInt256(low: sum).dividedHalfEven(by: UInt128(weightSum))
      aggregate.price = Int128(truncatingIfNeeded: quotient ?? 0)
    } else {
      aggregate.price = wideAverage(of: instrument, aggregate.contributing)
    }
    return aggregate
  }

  /// The same with 256-bit sums, for prices or weights beyond the common range.
  private func wideAverage(of instrument: Int, _ contributing: UInt64) -> Int128 {
    var sum = UInt256()
    var weightSum: UInt128 = 0
    for source in 0..<weights.count where contributing & (1 &<< UInt64(source)) != 0 {
      let weight = UInt128(truncatingIfNeeded: weights.full[source])
      let price = UInt128(truncatingIfNeeded: quotes[instrument &* stride &+ source].price)
      sum.add(UInt256(product: weight, price))
      weightSum &+= weight
    }
    // An average lies between its terms, so it fits where they fit.
    return Int128(truncatingIfNeeded: sum.dividedHalfEven(by: weightSum) ?? 0)
  }

  /// Counts a trade's volume in its bucket; false, with nothing changed, if the bucket would exceed its bound.
  @inline(__always)
  mutating func addVolume(_ volume: Int128, at eventNanos: Int64, of instrument: Int) -> Bool {
    let since = UInt64(bitPattern: eventNanos &- instruments[instrument].bucketStart)
    guard since < UInt64(PriceHistory.bucketNanos) else {
      return addVolumeElsewhere(volume, at: eventNanos, of: instrument)
    }
    let sum = instruments[instrument].bucketVolume &+ volume
    if sum > FoldLimits.bucketVolumeMax { return false }
    instruments[instrument].bucketVolume = sum
    return true
  }

  @inline(never)
  private mutating func addVolumeElsewhere(_ volume: Int128, at eventNanos: Int64, of instrument: Int) -> Bool {
    // Nothing is traded, so no bucket begins.
    if volume == 0 { return true }
    guard volume <= FoldLimits.bucketVolumeMax else { return false }
    let index = Int(eventNanos / PriceHistory.bucketNanos)
    if eventNanos > instruments[instrument].bucketStart {
      advance(instrument, to: Int64(index) * PriceHistory.bucketNanos)
      instruments[instrument].bucketVolume = volume
      return true
    }
    // Too old for the 24 hours: it does not count, but it is not wrong either.
    if index < Int(streamNanos / PriceHistory.bucketNanos) - PriceHistory.bucketsBack { return true }
    guard history.add(volume, to: index, of: instrument) else { return false }
    instruments[instrument].pastVolume += volume
    return true
  }

  /// Makes the bucket at `start` the newest and forgets those that 24 hours before it do not reach.
  mutating func advance(_ instrument: Int, to start: Int64) {
    var state = instruments[instrument]
    if state.bucketStart != .min {
      let index = Int(state.bucketStart / PriceHistory.bucketNanos)
      history.append(instrument, HistoryBucket(index: index, close: state.price, volume: state.bucketVolume))
      state.pastVolume += state.bucketVolume
    }
    state.bucketStart = start
    state.bucketVolume = 0
    let oldest = Int(start / PriceHistory.bucketNanos) - PriceHistory.bucketsBack
    while let gone = history.popOldest(instrument, below: oldest) {
      state.pastVolume -= gone.volume
      if gone.close != 0 { state.reference = gone.close }
    }
    instruments[instrument] = state
  }

  /// `change` in percent of `reference`, rounded half-even at scale 18.
  package static func percent(_ change: Int128, of reference: Int128) -> Int128 {
    let scaled = UInt256(product: change.magnitude, 100 * Quantity128.scaleFactor.magnitude)
    let bound = ProcessorLimits.decimalMax
    let quotient = scaled.dividedHalfEven(by: reference.magnitude) ?? bound.magnitude
    let magnitude = min(Int128(clamping: quotient), bound)
    return change < 0 ? -magnitude : magnitude
  }
}

extension Int {
  /// The least power of two that is not less.
  var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
