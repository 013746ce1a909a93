// The state of the latest price: plain values, dense by instrument and source.

import Codecs
import Events
import Processors

/// A source's newest price of one instrument.
@usableFromInline struct SourceQuote: BitwiseCopyable {
  @usableFromInline var price: Int128 = 0
  /// `.min` before the first tick.
  @usableFromInline var eventNanos: Int64 = .min
}

/// One instrument's aggregate.
@usableFromInline struct InstrumentPrice: BitwiseCopyable {
  /// The last emitted price; zero before the first.
  @usableFromInline var price: Int128 = 0
  /// What `change24h` is measured against; zero before the first price.
  @usableFromInline var reference: Int128 = 0
  /// The volume in the newest bucket.
  @usableFromInline var bucketVolume: Int128 = 0
  /// The volume in all older buckets.
  @usableFromInline var pastVolume: Int128 = 0
  /// The newest bucket's start; `.min` before the first.
  @usableFromInline var bucketStart: Int64 = .min
  /// The sources in the last emitted price, a bit each.
  @usableFromInline var contributing: UInt64 = 0
  /// The event time of the oldest contribution at the last evaluation; `.max` if there was none. Newer ticks may have
  /// replaced it since: then a look at it is one look too many, never one too few.
  @usableFromInline var oldestNanos: Int64 = .max
  /// Emitted less than an interval ago: waits in the queue.
  @usableFromInline var isCooling = false
  /// Something changed since the last evaluation.
  @usableFromInline var isDirty = false
}

/// An average and what went into it.
struct Aggregate {
  var price: Int128 = 0
  var contributing: UInt64 = 0
  var oldestNanos: Int64 = .max
}

/// The weights of the sources by index.
struct SourceWeights: ~Copyable {
  private let settings: LatestPriceSettings
  /// All weights have this divisor in common. Dividing it out changes no average and makes the numbers small.
  private let divisor: Int128
  private(set) var count = 0
  /// As configured.
  private(set) var full = Slab<Int128>(filler: 0)
  private(set) var reduced = Slab<UInt64>(filler: 0)
  /// Every reduced weight is below 2^26 so far, so that 64 of them times 96-bit prices stay below 2^128.
  private(set) var areSmall = true
  /// Indices in the byte order of the names.
  private(set) var byName: [Int] = []

  init(settings: LatestPriceSettings) {
    self.settings = settings
    var divisor: Int128 = 0
    for weight in settings.weights.values { divisor = Self.commonDivisor(divisor, weight.raw) }
    self.divisor = max(Self.commonDivisor(divisor, settings.defaultWeight.raw), 1)
  }

  private static func commonDivisor(_ left: Int128, _ right: Int128) -> Int128 {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
  }

  /// Learns the sources that were interned since.
  mutating func extend(names: borrowing ByteInterner) {
    guard names.count > count else { return }
    var sorted = byName.map { [UInt8](names.bytes(at: $0)) }
    while count < min(names.count, ProcessorLimits.sourcesMax) {
      let name = [UInt8](names.bytes(at: count))
      let weight = settings.weight(of: names.bytes(at: count))
      let small = weight.raw / divisor
      full.append(weight.raw)
      reduced.append(UInt64(clamping: small))
      if small >= 1 << 26 { areSmall = false }
      let place = sorted.firstIndex { name.lexicographicallyPrecedes($0) } ?? sorted.count
      sorted.insert(name, at: place)
      byName.insert(count, at: place)
      count += 1
    }
  }
}
