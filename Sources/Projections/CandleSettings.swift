// What of the candles is configurable.

package import Codecs
package import Events

/// The parameters of `CandleProcessor`. A change of any of them is another history: the topic gets a new epoch.
package struct CandleSettings: Sendable, Equatable {
  /// Ascending, each once.
  package let intervals: [CandleInterval]
  /// How long after a bucket's end, in stream time, its ticks are still taken.
  package var latenessNanos: Int64
  /// The least append time between two emissions of one instrument's open candles.
  package var emitIntervalNanos: Int64

  package init(
    intervals: [CandleInterval] = CandleInterval.allCases, latenessNanos: Int64 = 30_000_000_000,
    emitIntervalNanos: Int64 = 1_000_000_000
  ) {
    self.intervals = CandleInterval.allCases.filter(intervals.contains)
    self.latenessNanos = latenessNanos
    self.emitIntervalNanos = emitIntervalNanos
  }

  /// What is wrong with the values, or nil.
  package var problem: String? {
    guard !intervals.isEmpty else { return "at least one interval" }
    guard (0...FoldLimits.latenessNanosMax).contains(latenessNanos) else { return "lateness is at most an hour" }
    guard (0...FoldLimits.settingNanosMax).contains(emitIntervalNanos) else { return "emitInterval is at most a day" }
    return nil
  }

  /// Canonical bytes.
  package func append(to writer: inout ByteWriter) {
    writer.append(littleEndian: latenessNanos)
    writer.append(littleEndian: emitIntervalNanos)
    for interval in intervals { writer.append(littleEndian: interval.rawValue) }
  }
}
