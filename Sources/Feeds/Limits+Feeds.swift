// The bounds of what comes in, with their reasons.

package import Core

extension Limits {
  /// Largest frame of a venue, inflated: an order book snapshot of Coinbase has some hundreds of kilobytes.
  package static let frameBytesMax = 16 << 20
  /// Longest line of a recording: a frame of `frameBytesMax` in base64, or with a backslash before every quote.
  package static let recordingLineBytesMax = 2 * frameBytesMax
  /// What a recording is read by at a time.
  package static let recordingReadBytes = 256 << 10
  /// Most files of one recording that are played together: each holds a buffer and a descriptor.
  package static let recordingFilesMax = 256
  /// Longest pause of a paced recording: between two captures lie days, and nobody wants to sit through them.
  package static let recordingIdleSecondsMax: Int64 = 5
  /// Most clock ticks in a row without anything between them; a longer silence is one jump.
  package static let clockRunSecondsMax: Int64 = 60
  /// Most ticks that a feed hands to its sink at once: enough to spread the cost of a hand-over, few enough to be
  /// prompt.
  package static let feedBatchTicks = 1_024
  /// How long a paced feed lets ticks gather before it hands them on.
  package static let feedBatchNanos: Int64 = 2_000_000
  /// How far a paced feed may fall behind and still catch up; beyond that the ticks that were due are skipped.
  package static let feedBacklogNanos: Int64 = 1_000_000_000
  /// Most reasons that a report quotes for each venue; the rest are counted.
  package static let reportReasonsMax = 5
  /// Most instruments of a venue whose trade numbers are followed; further ones have no gap detection.
  package static let venueInstrumentsMax = 65_536
  /// Most sources whose health is followed.
  package static let sourcesMax = 1_024
  /// A source without a tick for so long is stale.
  package static let sourceStaleNanos: Int64 = 30_000_000_000

  /// Longest instrument: the longest known is a dated derivative of some thirty bytes.
  package static let instrumentBytesMax = 64
  /// Longest source name.
  package static let sourceBytesMax = 32
  /// Highest price: a thousand times any that was ever quoted, and still far from what overflows in sums.
  package static let priceMax = FixedPointBound.quadrillion
  /// Largest volume of one tick.
  package static let volumeMax = FixedPointBound.quadrillion
  /// Most records in one ingest request, so that one request cannot occupy the log for long.
  package static let ingestRecordsMax = 100_000
  /// Most errors that one ingest response describes; the rest are counted.
  package static let ingestErrorsMax = 100
  /// Event times further ahead than this are refused: the sender's clock is wrong.
  package static let ingestAheadNanosMax: Int64 = 60_000_000_000
  /// Event times before this are refused: the first block of Bitcoin, 2009-01-03T18:15:05Z.
  package static let ingestTimeMinNanos: Int64 = 1_231_006_505_000_000_000
}

/// Bounds at scale 18.
package enum FixedPointBound {
  /// 10^15, times 10^18.
  package static let quadrillion: Int128 = 1_000_000_000_000_000 * 1_000_000_000_000_000_000
}
