// prices.candles.v1: open, high, low, close of an instrument over an interval of event time.

/// The length of a candle. The raw value is in seconds; every interval divides the next longer one.
package enum CandleInterval: Int32, Sendable, CaseIterable {
  case oneMinute = 60
  case fiveMinutes = 300
  case fifteenMinutes = 900
  case oneHour = 3600
  case fourHours = 14400
  case oneDay = 86400

  /// The name in topology files, URLs and frames: `1m`, `5m`, `15m`, `1h`, `4h`, `1d`.
  package var name: String {
    switch self {
    case .oneMinute: "1m"
    case .fiveMinutes: "5m"
    case .fifteenMinutes: "15m"
    case .oneHour: "1h"
    case .fourHours: "4h"
    case .oneDay: "1d"
    }
  }

  package init?(name: String) {
    guard let match = Self.allCases.first(where: { Array($0.name.utf8) == Array(name.utf8) }) else { return nil }
    self = match
  }
}

/// One revision of one candle, an event of `prices.candles.v1`; its key is the instrument.
package struct Candle: Hashable, Sendable {
  package var instrument: String
  package var interval: CandleInterval
  /// The first moment of the bucket; it ends before `start` plus the interval.
  package var start: Timestamp
  package var open: Price
  package var high: Price
  package var low: Price
  package var close: Price
  package var volume: Quantity
  /// Volume-weighted average price, rounded half-even; nil where nothing was traded.
  package var vwap: Price?
  /// Ticks with a price in the bucket.
  package var ticks: Int64
  /// 1 for the first emission of this bucket, one more for each later one.
  package var revision: Int32
  /// No further revision will follow.
  package var isFinal: Bool
  package var eventTime: Timestamp
  package var appendTime: Timestamp

  package init(
    instrument: String, interval: CandleInterval, start: Timestamp, open: Price, high: Price, low: Price,
    close: Price, volume: Quantity, vwap: Price?, ticks: Int64, revision: Int32, isFinal: Bool,
    eventTime: Timestamp, appendTime: Timestamp
  ) {
    self.instrument = instrument
    self.interval = interval
    self.start = start
    self.open = open
    self.high = high
    self.low = low
    self.close = close
    self.volume = volume
    self.vwap = vwap
    self.ticks = ticks
    self.revision = revision
    self.isFinal = isFinal
    self.eventTime = eventTime
    self.appendTime = appendTime
  }
}
