// prices.latest.v1: the average of what the sources say now, weighted by their reliability.

package import Codecs
package import Events
package import Processors

/// Keeps the newest tick of each source for each instrument and emits their weighted average when it, or the set of
/// contributing sources, changed; at most once per `emitInterval` of append time.
///
/// - Newest is by event time; of equal times the later arrival.
/// - A source is left out once its newest tick is more than `staleness` older than the partition's stream time. That is
///   noticed at the next clock or the next tick of the instrument. When all are left out nothing is emitted: the last
///   price stays what it was, with its event time for the reader to judge.
/// - `volume24h` sums the trades whose event time lies in the five-minute bucket of the stream time or the 288 before.
/// - `change24h` compares with the price that prevailed at the start of the oldest of these; before there are 24 hours
///   of history, with the first price known.
/// - `changePercent24h` beyond what a decimal(38,18) holds, 10^20 percent, is given as that bound.
package struct LatestPriceProcessor: Processor, ~Copyable {
  let settings: LatestPriceSettings
  var weights: SourceWeights
  var streamNanos: Int64 = 0
  var due: DueQueue
  var instruments = Slab<InstrumentPrice>(filler: InstrumentPrice())
  /// `stride` quotes per instrument, by source.
  var quotes = Slab<SourceQuote>(filler: SourceQuote())
  var stride = 8
  /// How many sources the batches named so far.
  var sourceCount = 0
  var history = PriceHistory()

  package init(_ settings: LatestPriceSettings = LatestPriceSettings()) {
    self.settings = settings
    weights = SourceWeights(settings: settings)
    due = DueQueue(intervalNanos: settings.emitIntervalNanos)
  }

  package var topics: [Topic] { [.latest] }
  package var identity: String { "latest/1" }
  package func appendConfiguration(to writer: inout ByteWriter) { settings.append(to: &writer) }

  package mutating func fold(
    _ rows: Span<TickRow>, _ names: borrowing TickBatch, into outputs: inout FoldOutputs, firstTopic: Int
  ) {
    extend(instruments: names.instruments.count, sources: names.sources)
    for index in 0..<rows.count {
      let row = rows[index]
      if row.eventTime.nanos > streamNanos { streamNanos = row.eventTime.nanos }
      var changed = -1
      if row.isPrice {
        if apply(row) {
          changed = Int(row.instrument)
        } else {
          outputs.rejections.append(Rejection(row, .invalid, "the volume of five minutes exceeds its bound"))
        }
      } else if row.kind == .clock {
        noticeStaleSources(row, names, &outputs[topic: firstTopic])
      }
      if due.isDue(at: row.appendTime.nanos) { emitDue(row, names, &outputs[topic: firstTopic]) }
      if changed >= 0, !instruments[changed].isCooling {
        evaluate(changed, row, names, &outputs[topic: firstTopic])
      }
    }
  }

  private mutating func extend(instruments count: Int, sources: borrowing ByteInterner) {
    weights.extend(names: sources)
    sourceCount = weights.count
    if sources.count > stride {
      let wider = min(sources.count, ProcessorLimits.sourcesMax).nextPowerOfTwo
      if wider > stride {
        quotes.widen(stride: stride, to: wider)
        stride = wider
      }
    }
    instruments.extend(to: count)
    quotes.extend(to: count * stride)
    history.extend(to: count)
  }

  /// Takes a price into the state; false, with nothing changed, if its volume exceeds a bound.
  @inline(__always)
  private mutating func apply(_ row: TickRow) -> Bool {
    let instrument = Int(row.instrument)
    let now = row.eventTime.nanos
    guard addVolume(row.tradedVolume, at: now, of: instrument) else { return false }
    let place = instrument &* stride &+ Int(row.source)
    if now >= quotes[place].eventNanos {
      quotes[place].price = row.price.raw
      quotes[place].eventNanos = now
    }
    instruments[instrument].isDirty = true
    return true
  }

  /// Looks at the instruments of which a contribution grew too old.
  private mutating func noticeStaleSources(
    _ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let cutoff = streamNanos - settings.stalenessNanos
    for instrument in 0..<instruments.count where instruments[instrument].oldestNanos < cutoff {
      if instruments[instrument].isCooling {
        instruments[instrument].isDirty = true
      } else {
        evaluate(instrument, row, names, &output)
      }
    }
  }

  @inline(never)
  private mutating func emitDue(_ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords) {
    while due.isDue(at: row.appendTime.nanos) {
      let instrument = due.pop()
      instruments[instrument].isCooling = false
      if instruments[instrument].isDirty { evaluate(instrument, row, names, &output) }
    }
  }

  /// Emits the instrument's price if it, or the set of its sources, is another than was emitted last.
  private mutating func evaluate(
    _ instrument: Int, _ row: TickRow, _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let aggregate = average(of: instrument)
    let previous = instruments[instrument].price
    let isSame = aggregate.price == previous && aggregate.contributing == instruments[instrument].contributing
    instruments[instrument].isDirty = false
    instruments[instrument].oldestNanos = aggregate.oldestNanos
    if isSame || aggregate.contributing == 0 { return }
    let bucketStart = streamNanos - streamNanos % PriceHistory.bucketNanos
    if instruments[instrument].bucketStart < bucketStart { advance(instrument, to: bucketStart) }
    instruments[instrument].price = aggregate.price
    instruments[instrument].contributing = aggregate.contributing
    if previous == 0 { instruments[instrument].reference = aggregate.price }
    instruments[instrument].isCooling = true
    due.push(instrument, emittedNanos: row.appendTime.nanos)
    let key = names.instruments.bytes(at: instrument)
    output.append(timestampMillis: row.eventTime.millis, key: key, cause: row.offset) {
      encode(instrument, previous: previous, row, names, into: &$0)
    }
  }
}
