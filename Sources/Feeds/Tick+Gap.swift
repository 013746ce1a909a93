// Lost messages as events.

import Events

extension Tick {
  /// The gap that `tick` reveals: `sequence` is the first number after the hole.
  static func gap(before sequence: Int64, of tick: Tick) -> Tick {
    Tick(
      kind: .gap, instrument: tick.instrument, source: tick.source, sequence: sequence, eventTime: tick.eventTime)
  }
}

extension TickSide {
  /// The taker's side where the venue tells the maker's.
  var opposite: TickSide {
    switch self {
    case .buy: .sell
    case .sell: .buy
    case .unknown: .unknown
    }
  }
}
