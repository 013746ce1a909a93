// prices.candles.v1: open, high, low, close by event time, over six intervals at once.

package import Codecs
package import Events
package import Processors

/// Folds ticks into candles.
///
/// A tick touches one bar only, that of its minute. A minute is final once the stream time has reached its end plus the
/// lateness; it is then merged into the bars of the longer intervals. What is emitted of an interval that is still open
/// is its bar merged with its open minutes. Minutes without a tick give no candle.
///
/// Open candles are emitted when a tick changed them, at most once per `emitInterval` of append time for an instrument,
/// all that changed at once. A final one is emitted when its time has come, changed or not. A tick whose minute is
/// final is still taken into the longer candles that are open; because of those that are not, it also goes to the
/// dead-letter topic.
package struct CandleProcessor: Processor, ~Copyable {
  static let minuteNanos: Int64 = 60_000_000_000

  /// What an instrument has to say.
  struct InstrumentCandles: BitwiseCopyable {
    /// Open minutes with ticks since their last emission, a bit for each place of the ring.
    var dirtyMinutes: UInt64 = 0
    /// Places of longer intervals with such ticks in a minute that has become final.
    var dirtyRolled: UInt64 = 0
    var isCooling = false
  }

  let settings: CandleSettings
  let layout: CandleLayout
  var streamNanos: Int64 = 0
  /// The first minute that is not final.
  var firstOpenMinute: Int32 = 0
  /// The stream time at which it becomes final.
  var nextFinalNanos: Int64
  var due: DueQueue
  var instruments = Slab<InstrumentCandles>(filler: InstrumentCandles())
  /// `layout.minutePlaces` bars per instrument.
  var minutes = Slab<Bar>(filler: Bar())
  /// `layout.rolledCount` bars per instrument: of their final minutes only.
  var rolled = Slab<Bar>(filler: Bar())
  /// How many instruments have an open bar at each place of `minutes` and then of `rolled`: when a bucket ends that
  /// nobody has, nobody is asked.
  var openCounts: Slab<Int>

  package init(_ settings: CandleSettings = CandleSettings()) {
    self.settings = settings
    layout = CandleLayout(settings)
    nextFinalNanos = Self.minuteNanos + settings.latenessNanos
    due = DueQueue(intervalNanos: settings.emitIntervalNanos)
    openCounts = Slab(filler: 0, count: layout.minutePlaces + layout.rolledCount)
  }

  package var topics: [Topic] { [.candles] }
  package var identity: String { "candles/1" }
  package func appendConfiguration(to writer: inout ByteWriter) { settings.append(to: &writer) }

  package mutating func fold(
    _ rows: Span<TickRow>, _ names: borrowing TickBatch, into outputs: inout FoldOutputs, firstTopic: Int
  ) {
    extend(to: names.instruments.count)
    for index in 0..<rows.count {
      let row = rows[index]
      if row.eventTime.nanos > streamNanos {
        streamNanos = row.eventTime.nanos
        if streamNanos >= nextFinalNanos { finalize(row, names, &outputs[topic: firstTopic]) }
      }
      var changed = -1
      if row.isPrice {
        switch apply(row) {
        case .late?:
          let late = applyLate(row)
          if late.isTaken { changed = Int(row.instrument) }
          if let detail = late.refusal { outputs.rejections.append(Rejection(row, .late, detail)) }
        case let reason?:
          outputs.rejections.append(Rejection(row, reason, "the volume of a minute exceeds its bound"))
        case nil:
          changed = Int(row.instrument)
        }
      }
      if due.isDue(at: row.appendTime.nanos) { emitDue(row, names, &outputs[topic: firstTopic]) }
      if changed >= 0, !instruments[changed].isCooling {
        emitOpen(changed, row, names, &outputs[topic: firstTopic])
      }
    }
  }

  mutating func extend(to count: Int) {
    instruments.extend(to: count)
    minutes.extend(to: count * layout.minutePlaces)
    rolled.extend(to: count * layout.rolledCount)
  }

  /// Takes a price into the bar of its minute; with nothing changed the reason why not.
  @inline(__always)
  private mutating func apply(_ row: TickRow) -> DeadLetterReason? {
    let instrument = Int(row.instrument)
    let minute = Int32(truncatingIfNeeded: row.eventTime.nanos / Self.minuteNanos)
    if minute < firstOpenMinute { return .late }
    let inRing = Int(minute) & (layout.minutePlaces &- 1)
    let place = instrument &* layout.minutePlaces &+ inRing
    let volume = row.tradedVolume
    if minutes[place].bucket == minute {
      // Both are at most decimalMax, so the sum fits.
      if minutes[place].volume &+ volume > FoldLimits.minuteVolumeMax { return .invalid }
      minutes[place].add(price: row.price.raw, volume: volume, eventNanos: row.eventTime.nanos)
    } else {
      if volume > FoldLimits.minuteVolumeMax { return .invalid }
      minutes[place] = Bar(
        bucket: minute, price: row.price.raw, volume: volume, eventNanos: row.eventTime.nanos)
      openCounts[inRing] += 1
    }
    instruments[instrument].dirtyMinutes |= 1 &<< UInt64(truncatingIfNeeded: inRing)
    return nil
  }

  /// Takes a price whose minute is final into the longer candles that are still open: whether there were any, and the
  /// reason for the dead-letter topic if some were not.
  @inline(never)
  private mutating func applyLate(_ row: TickRow) -> (isTaken: Bool, refusal: StaticString?) {
    let minute = Int32(truncatingIfNeeded: row.eventTime.nanos / Self.minuteNanos)
    let instrument = Int(row.instrument)
    let volume = row.tradedVolume
    var takenCount = 0
    for interval in layout.rolled where (minute / interval.minutes + 1) * interval.minutes > firstOpenMinute {
      let bucket = minute / interval.minutes
      openRolled(instrument, interval, bucket)
      let place = instrument * layout.rolledCount + interval.place(bucket)
      guard rolled[place].volume &+ volume <= FoldLimits.minuteVolumeMax else { continue }
      rolled[place].merge(
        Bar(bucket: bucket, price: row.price.raw, volume: volume, eventNanos: row.eventTime.nanos))
      instruments[instrument].dirtyRolled |= 1 &<< UInt64(interval.place(bucket))
      takenCount += 1
    }
    if takenCount == 0 { return (false, "the candle is final") }
    let isWhole = !layout.hasMinutes && takenCount == layout.rolled.count
    return (true, isWhole ? nil : "the shorter candles are final; the longer ones took it")
  }

  @inline(never)
  private mutating func emitDue(_ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords) {
    while due.isDue(at: row.appendTime.nanos) {
      let instrument = due.pop()
      instruments[instrument].isCooling = false
      emitOpen(instrument, row, names, &output)
    }
  }
}
