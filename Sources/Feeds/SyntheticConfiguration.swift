// What a synthetic market is made of.

/// Everything that determines the ticks of a `SyntheticMarket`. Rates of faults are per million ticks.
package struct SyntheticConfiguration: Equatable, Sendable {
  package var seed: UInt64 = 1
  /// At least 1; the first twelve have well-known names, the others are `SYN0012/USD` and so on.
  package var instruments = 12
  /// At least 1; the first seven have well-known names, the others are `source8` and so on.
  package var sources = 5
  /// The rate that the walk is scaled for, so that a minute looks the same at every rate.
  package var ticksPerSecond = 60
  /// A source goes silent, one at a time, for up to `dropOutSecondsMax`; its return is announced by gap ticks.
  package var dropOutsPerMillion = 20
  package var dropOutSecondsMax = 45
  /// A price 5 to 50 percent off.
  package var outliersPerMillion = 50
  /// An event time up to `lateSecondsMax` in the past.
  package var latePerMillion = 500
  package var lateSecondsMax = 20
  /// The same tick once more.
  package var duplicatesPerMillion = 200

  package init() {}

  /// The same market without any fault.
  package var faultless: SyntheticConfiguration {
    var copy = self
    copy.dropOutsPerMillion = 0
    copy.outliersPerMillion = 0
    copy.latePerMillion = 0
    copy.duplicatesPerMillion = 0
    return copy
  }
}
