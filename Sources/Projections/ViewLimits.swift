// The bounds of the queryable views.

package enum ViewLimits {
  /// Newest candles kept in memory for each instrument and interval: 33 hours of minutes, and more than five years of
  /// days. Older ones are answered from the log.
  package static let candlesPerSeriesMax = 2_000
  /// Candles kept for all series together, of about 200 bytes each: beyond it every series keeps its share.
  package static let candlesMax = 500_000
  /// What a series keeps at the least, so that a chart of the last hour never needs the log.
  package static let candlesPerSeriesMin = 100
}
