// The bounds of the market folds, with their reasons. Within them no sum, product or quotient overflows.

package enum FoldLimits {
  /// Most volume in one minute of one instrument: 1,440 of these are a day's candle, which then fits a decimal; and
  /// the sum of price * volume over a day stays below 10^76, which is below 2^256.
  package static var minuteVolumeMax: Int128 { 69_444_444_444_444_444_444_444_444_444_444_444 }
  /// Most volume in one five-minute bucket of one instrument: 24 hours touch 289 of them.
  package static var bucketVolumeMax: Int128 { 346_020_761_245_674_740_484_429_065_743_944_636 }
  /// Greatest reliability of a source, 1,000: the weighted sum of 64 sources stays below 2^204.
  package static var weightMax: Int128 { Quantity128.scaleFactor * 1000 }
  /// Longest lateness of candles: the open minutes of an instrument lie in a ring of at most 64.
  package static let latenessNanosMax: Int64 = 3_600_000_000_000
  /// Longest staleness and emission interval: longer than a day is a mistake of the unit.
  package static let settingNanosMax: Int64 = 86_400_000_000_000
}

/// Scale 18 as an integer.
package enum Quantity128 {
  package static var scaleFactor: Int128 { 1_000_000_000_000_000_000 }
}
