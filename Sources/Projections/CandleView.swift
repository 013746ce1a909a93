// The candles of every instrument and interval, each in its newest revision, as a question can ask for them.

package import Codecs
package import Events
import Synchronization

/// Materialises the newest part of `prices.candles`. Safe to use from any thread.
package final class CandleView: TopicView {
  /// What the view knows of a range.
  package struct Answer: Sendable {
    package var candles: [Positioned<Candle>] = []
    /// Candles that start before this moment are no longer in memory: the log has them. Nil where nothing was left out.
    package var droppedBefore: Timestamp?
    package var position: ViewPosition
    /// There is at least one candle of the instrument, of whatever interval.
    package var isKnownInstrument = false
  }

  private struct SeriesKey: Hashable {
    let instrument: [UInt8]
    let interval: CandleInterval
  }

  private struct State {
    var position: ViewPosition
    var series: [SeriesKey: CandleSeries] = [:]
  }

  private let state: Mutex<State>
  private let candlesPerSeriesMax: Int
  private let candlesMax: Int

  package init(
    partitionCount: Int, candlesPerSeriesMax: Int = ViewLimits.candlesPerSeriesMax,
    candlesMax: Int = ViewLimits.candlesMax
  ) {
    self.candlesPerSeriesMax = candlesPerSeriesMax
    self.candlesMax = candlesMax
    state = Mutex(State(position: ViewPosition(partitionCount: partitionCount)))
  }

  package func apply(
    _ batch: borrowing RecordBatchReader, from offset: Int64, partition: Int, epoch: UInt32
  ) throws(CodecError) {
    try state.withLock { state throws(CodecError) in
      guard state.position.offsets.indices.contains(partition) else { return }
      state.position.epochs[partition] = epoch
      var records = batch.records
      while try records.advance() {
        let record = records.record
        guard record.offset >= offset else { continue }
        state.position.offsets[partition] = record.offset
        guard let candle = try? Candle(decoding: record) else { continue }
        let share = candlesMax / max(state.series.count, 1)
        let countMax = min(candlesPerSeriesMax, max(share, ViewLimits.candlesPerSeriesMin))
        let key = SeriesKey(instrument: [UInt8](record.key), interval: candle.interval)
        state.series[key, default: CandleSeries(partition: partition)].apply(
          candle, offset: record.offset, countMax: countMax)
      }
    }
  }

  package func forget(partition: Int) {
    state.withLock { state in
      guard state.position.offsets.indices.contains(partition) else { return }
      state.position.offsets[partition] = -1
      state.series = state.series.filter { $0.value.partition != partition }
    }
  }

  package var position: ViewPosition { state.withLock { $0.position } }

  /// The candles that start in `[from, to)`, in order: the first `countMax` of them, or the last where `takesNewest`.
  package func candles(
    of instrument: String, interval: CandleInterval, from: Timestamp, to: Timestamp, countMax: Int,
    takesNewest: Bool = false
  ) -> Answer {
    state.withLock { state in
      var answer = Answer(position: state.position)
      let bytes = Array(instrument.utf8)
      answer.isKnownInstrument = CandleInterval.allCases.contains { interval in
        state.series[SeriesKey(instrument: bytes, interval: interval)] != nil
      }
      guard let series = state.series[SeriesKey(instrument: bytes, interval: interval)] else { return answer }
      answer.droppedBefore = series.hasDropped ? series.candles.first?.candle.start : nil
      let range = series.range(from: from, to: to)
      let chosen = takesNewest ? range.suffix(countMax) : range.prefix(countMax)
      let epoch = state.position.epochs[series.partition]
      answer.candles = chosen.map { index in
        let entry = series.candles[index]
        return Positioned(value: entry.candle, partition: series.partition, offset: entry.offset, epoch: epoch)
      }
      return answer
    }
  }
}
