// When candles are said: open ones as they change, final ones when their time has come.

import Codecs
import Events
import Processors

extension CandleProcessor {
  /// Emits those of the instrument's open candles that changed since they were last emitted: by interval, then by time.
  mutating func emitOpen(
    _ instrument: Int, _ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let state = instruments[instrument]
    if state.dirtyMinutes == 0, state.dirtyRolled == 0 { return }
    let lastMinute = Int32(truncatingIfNeeded: streamNanos / Self.minuteNanos)
    if layout.hasMinutes {
      for minute in firstOpenMinute...lastMinute where isDirty(minute, state) {
        let place = minutePlace(instrument, minute)
        minutes[place].revision &+= 1
        emit(instrument, .oneMinute, minutes[place], isFinal: false, row, names, &output)
      }
    }
    for interval in layout.rolled {
      for bucket in (firstOpenMinute / interval.minutes)...(lastMinute / interval.minutes) {
        let place = interval.place(bucket)
        var isChanged = state.dirtyRolled & (1 &<< UInt64(place)) != 0
        let first = max(bucket * interval.minutes, firstOpenMinute)
        let last = min(bucket * interval.minutes + interval.minutes - 1, lastMinute)
        for minute in first...last where isDirty(minute, state) { isChanged = true }
        guard isChanged else { continue }
        openRolled(instrument, interval, bucket)
        rolled[instrument * layout.rolledCount + place].revision &+= 1
        var bar = rolled[instrument * layout.rolledCount + place]
        for minute in first...last {
          let part = minutes[minutePlace(instrument, minute)]
          if part.bucket == minute { bar.merge(part) }
        }
        emit(instrument, interval.interval, bar, isFinal: false, row, names, &output)
      }
    }
    instruments[instrument].dirtyMinutes = 0
    instruments[instrument].dirtyRolled = 0
    instruments[instrument].isCooling = true
    due.push(instrument, emittedNanos: row.appendTime.nanos)
  }

  private func isDirty(_ minute: Int32, _ state: InstrumentCandles) -> Bool {
    // Dirty bits are of open minutes only, and no two open minutes share a place.
    state.dirtyMinutes & (1 &<< UInt64(Int(minute) & (layout.minutePlaces - 1))) != 0
  }

  private func minutePlace(_ instrument: Int, _ minute: Int32) -> Int {
    instrument * layout.minutePlaces + (Int(minute) & (layout.minutePlaces - 1))
  }

  /// Makes sure that the interval's ring has a bar for `bucket`.
  @inline(__always)
  mutating func openRolled(_ instrument: Int, _ interval: RolledInterval, _ bucket: Int32) {
    let place = instrument * layout.rolledCount + interval.place(bucket)
    if rolled[place].bucket != bucket {
      rolled[place] = Bar(bucket: bucket)
      openCounts[layout.minutePlaces + interval.place(bucket)] += 1
    }
  }

  func firstMinuteOpen(at streamNanos: Int64) -> Int32 {
    Int32(truncatingIfNeeded: max(streamNanos - settings.latenessNanos, 0) / Self.minuteNanos)
  }

  /// Ends every bucket whose end plus lateness the stream time has reached: by end, then instrument, then interval.
  @inline(never)
  mutating func finalize(_ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords) {
    let target = firstMinuteOpen(at: streamNanos)
    // Every open bar belongs to a bucket that began before the first open minute's successors in the ring and ends
    // within a day of them: after a longer silence there is nothing to end between then and now.
    let horizon = firstOpenMinute + Int32(layout.minutePlaces) + 1440
    while firstOpenMinute < min(target, horizon) {
      endMinute(firstOpenMinute, row, names, &output)
      firstOpenMinute += 1
    }
    firstOpenMinute = max(firstOpenMinute, target)
    nextFinalNanos = (Int64(firstOpenMinute) + 1) * Self.minuteNanos + settings.latenessNanos
  }

  private mutating func endMinute(
    _ minute: Int32, _ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let inRing = Int(minute) & (layout.minutePlaces - 1)
    let ending = layout.rolled.filter { (minute + 1) % $0.minutes == 0 }
    let isAnyOpen =
      openCounts[inRing] > 0
      || ending.contains { openCounts[layout.minutePlaces + $0.place(minute / $0.minutes)] > 0 }
    guard isAnyOpen else { return }
    for instrument in 0..<instruments.count {
      if minutes[instrument * layout.minutePlaces + inRing].bucket == minute {
        endMinute(minute, of: instrument, row, names, &output)
      }
      for interval in ending {
        let bucket = minute / interval.minutes
        let place = instrument * layout.rolledCount + interval.place(bucket)
        guard rolled[place].bucket == bucket else { continue }
        rolled[place].revision &+= 1
        emit(instrument, interval.interval, rolled[place], isFinal: true, row, names, &output)
        rolled[place] = Bar()
        openCounts[layout.minutePlaces + interval.place(bucket)] -= 1
        instruments[instrument].dirtyRolled &= ~(1 &<< UInt64(interval.place(bucket)))
      }
    }
  }

  private mutating func endMinute(
    _ minute: Int32, of instrument: Int, _ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let inRing = Int(minute) & (layout.minutePlaces - 1)
    let place = instrument * layout.minutePlaces + inRing
    let isDirty = instruments[instrument].dirtyMinutes & (1 &<< UInt64(inRing)) != 0
    instruments[instrument].dirtyMinutes &= ~(1 &<< UInt64(inRing))
    minutes[place].revision &+= 1
    if layout.hasMinutes {
      emit(instrument, .oneMinute, minutes[place], isFinal: true, row, names, &output)
    }
    for interval in layout.rolled {
      let bucket = minute / interval.minutes
      openRolled(instrument, interval, bucket)
      rolled[instrument * layout.rolledCount + interval.place(bucket)].merge(minutes[place])
      if isDirty { instruments[instrument].dirtyRolled |= 1 &<< UInt64(interval.place(bucket)) }
    }
    minutes[place] = Bar()
    openCounts[inRing] -= 1
  }
}
