// Time as an event: a clock tick for each second that passes.

import Core
package import Events

/// Says when a second is over, in whatever time a feed lives: the wall's, or that of a recording.
package struct SecondMarker: Sendable {
  private static let nanosPerSecond: Int64 = 1_000_000_000

  private var last: Int64?

  package init() {}

  /// The source's name on clock ticks.
  package static let source = "clock"

  /// When the next clock tick is due; nil before the first.
  package var nextDue: Timestamp? { last.map { Timestamp(nanos: ($0 + 1) * Self.nanosPerSecond) } }

  /// Appends the clock ticks due until `time`, whole seconds all. The first call marks the second that `time` lies in,
  /// and so does one after a silence of more than `Limits.clockRunSecondsMax`: nothing needs the seconds in between.
  package mutating func mark(upTo time: Timestamp, into ticks: inout [Tick]) {
    let (quotient, remainder) = time.nanos.quotientAndRemainder(dividingBy: Self.nanosPerSecond)
    let second = remainder < 0 ? quotient - 1 : quotient
    var next = second
    if let last {
      if second <= last { return }
      if second - last <= Limits.clockRunSecondsMax { next = last + 1 }
    }
    for second in next...second {
      let time = Timestamp(nanos: second.multipliedReportingOverflow(by: Self.nanosPerSecond).partialValue)
      ticks.append(Tick(kind: .clock, instrument: "", source: Self.source, eventTime: time))
    }
    last = second
  }
}
