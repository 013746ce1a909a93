// What is checked of every tick before any fold sees it.

package import Codecs
package import Events

/// Refuses ticks that decode but cannot be true. Refused ones reach no processor and move no time.
package struct TickScreen: Sendable, Equatable {
  /// A tick whose event time is further ahead of its append time than this is `future`.
  package var futureNanosMax: Int64

  package init(futureNanosMax: Int64 = 60_000_000_000) { self.futureNanosMax = futureNanosMax }

  package func append(to writer: inout ByteWriter) { writer.append(littleEndian: futureNanosMax) }

  /// Whether `row` is a price in all its bounds, without a branch on its kind, which nobody predicts; `rejection` has
  /// the last word on those that are not.
  @inline(__always)
  package func isPlainPrice(_ row: TickRow) -> Bool {
    let (event, appended) = (row.eventTime.nanos, row.appendTime.nanos)
    let latest = UInt64(ProcessorLimits.timeNanosMax)
    // As unsigned numbers negative ones are beyond every bound.
    return UInt64(bitPattern: event) <= latest && UInt64(bitPattern: appended) <= latest
      && event &- appended <= futureNanosMax
      && UInt32(bitPattern: row.instrument) < UInt32(ProcessorLimits.instrumentsMax)
      && row.source < ProcessorLimits.sourcesMax
      && UInt128(bitPattern: row.price.raw) &- 1 < UInt128(bitPattern: ProcessorLimits.decimalMax)
      && UInt128(bitPattern: row.volume.raw) <= UInt128(bitPattern: ProcessorLimits.decimalMax)
  }

  /// Why `row` is refused, or nil. Clocks are trusted to be ahead, since the engine's own feeds write them.
  @inline(never)
  package func rejection(_ row: TickRow) -> Rejection? {
    let (event, appended) = (row.eventTime.nanos, row.appendTime.nanos)
    let times = 0...ProcessorLimits.timeNanosMax
    let isTimely = times.contains(event) && times.contains(appended)
    let isKnown =
      row.instrument >= 0 && row.instrument < ProcessorLimits.instrumentsMax && row.source < ProcessorLimits.sourcesMax
    let isPossible =
      row.price.raw > 0 && row.price.raw <= ProcessorLimits.decimalMax && row.volume.raw >= 0
      && row.volume.raw <= ProcessorLimits.decimalMax
    let isFuture = row.kind != .clock && event &- appended > futureNanosMax
    if isTimely && !isFuture && (row.kind == .clock || isKnown) && (!row.isPrice || isPossible) { return nil }
    return explain(row, isTimely: isTimely, isFuture: isFuture)
  }

  private func explain(_ row: TickRow, isTimely: Bool, isFuture: Bool) -> Rejection {
    let (reason, detail): (DeadLetterReason, StaticString) =
      if !isTimely {
        (.invalid, "a time before 1970 or after 2255")
      } else if isFuture {
        (.future, "the event time is too far ahead of the append time")
      } else if row.instrument < 0 || row.instrument >= ProcessorLimits.instrumentsMax {
        (.invalid, "no instrument, or more of them than a partition takes")
      } else if row.source >= ProcessorLimits.sourcesMax {
        (.invalid, "more sources than a partition takes")
      } else if row.volume.raw < 0 || row.volume.raw > ProcessorLimits.decimalMax {
        (.invalid, "a volume that is negative or beyond decimal(38,18)")
      } else {
        (.invalid, "a price that is not positive or beyond decimal(38,18)")
      }
    return Rejection(row, reason, detail)
  }
}
