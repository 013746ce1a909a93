// The views: newest revision, bounded memory, positions, forgetting a partition.

import Codecs
import Events
import Projections
import Testing

@Suite struct ViewTests {
  private func time(_ minute: Int) -> Timestamp { Timestamp(millis: Int64(minute) * 60_000) }

  private func candle(_ minute: Int, revision: Int32 = 1, instrument: String = "BTC/USD") -> Candle {
    Candle(
      instrument: instrument, interval: .oneMinute, start: time(minute), open: Price(raw: 1), high: Price(raw: 1),
      low: Price(raw: 1), close: Price(raw: Int128(revision)), volume: .zero, vwap: nil, ticks: 1, revision: revision,
      isFinal: false, eventTime: time(minute), appendTime: time(minute))
  }

  private func apply(
    _ view: some TopicView, _ records: [(key: String, encode: (inout ByteWriter) -> Void)], offset: Int64 = 0,
    from: Int64? = nil, partition: Int = 0, epoch: UInt32 = 1
  ) throws {
    var writer = RecordBatchWriter()
    var value = ByteWriter()
    for record in records {
      value.removeAll()
      record.encode(&value)
      let key = Array(record.key.utf8)
      writer.append(timestampMillis: 0, key: key.span.bytes, value: value.bytes)
    }
    var bytes = writer.finish().bytes
    RecordBatchHeader.patch(baseOffset: offset, in: &bytes)
    var reader = RecordBatchReader()
    try reader.open(bytes.span.bytes, verifyingChecksum: true)
    try view.apply(reader, from: from ?? offset, partition: partition, epoch: epoch)
  }

  private func apply(_ view: CandleView, _ candles: [Candle], offset: Int64 = 0) throws {
    try apply(view, candles.map { candle in (candle.instrument, { candle.encode(into: &$0) }) }, offset: offset)
  }

  private func minutes(_ view: CandleView, _ from: Int, _ to: Int, countMax: Int = 9999, newest: Bool = false) -> [Int]
  {
    view.candles(
      of: "BTC/USD", interval: .oneMinute, from: time(from), to: time(to), countMax: countMax, takesNewest: newest
    ).candles.map { Int($0.value.start.millis / 60_000) }
  }

  @Test func candlesComeInOrderInTheirNewestRevision() throws {
    let view = CandleView(partitionCount: 1)
    try apply(view, [candle(5), candle(3), candle(4), candle(3, revision: 3), candle(3, revision: 2)])
    #expect(minutes(view, 0, 10) == [3, 4, 5])
    #expect(minutes(view, 3, 5) == [3, 4])
    #expect(minutes(view, 0, 10, countMax: 2) == [3, 4])
    #expect(minutes(view, 0, 10, countMax: 2, newest: true) == [4, 5])
    let answer = view.candles(of: "BTC/USD", interval: .oneMinute, from: time(3), to: time(4), countMax: 1)
    #expect(answer.candles[0].value.revision == 3)
    #expect(answer.candles[0].offset == 3)
    #expect(answer.position.text == "0:4")
    #expect(answer.droppedBefore == nil)
    #expect(!view.candles(of: "ETH/USD", interval: .oneDay, from: time(0), to: time(9), countMax: 1).isKnownInstrument)
  }

  @Test func memoryIsBoundedAndWhatIsDroppedIsTold() throws {
    let view = CandleView(partitionCount: 1, candlesPerSeriesMax: 100)
    try apply(view, (0..<1000).map { candle($0) })
    let kept = minutes(view, 0, 1000)
    #expect((100...125).contains(kept.count))
    #expect(kept.last == 999)
    let answer = view.candles(of: "BTC/USD", interval: .oneMinute, from: time(0), to: time(1), countMax: 1)
    #expect(answer.droppedBefore == time(kept[0]))
    // A late revision of a dropped candle does not come back as if it were the oldest that is known.
    try apply(view, [candle(1, revision: 9)], offset: 1000)
    #expect(minutes(view, 0, 1000) == kept)
  }

  @Test func allSeriesTogetherAreBounded() throws {
    let view = CandleView(partitionCount: 1, candlesPerSeriesMax: 2000, candlesMax: 1000)
    for instrument in 0..<20 {
      try apply(view, (0..<500).map { candle($0, instrument: "I\(instrument)/USD") }, offset: Int64(instrument) * 500)
    }
    let counts = (0..<20).map { instrument in
      view.candles(
        of: "I\(instrument)/USD", interval: .oneMinute, from: time(0), to: time(500), countMax: 9999
      ).candles.count
    }
    #expect(counts.last.map { $0 <= ViewLimits.candlesPerSeriesMin * 5 / 4 } == true, "\(counts)")
  }

  private func price(_ instrument: String, _ raw: Int128) -> (key: String, encode: (inout ByteWriter) -> Void) {
    (
      instrument,
      { output in
        LatestPrice(
          instrument: instrument, price: Price(raw: raw), previousPrice: nil, direction: .up, change24h: .zero,
          changePercent24h: .zero, volume24h: .zero, sources: [], eventTime: Timestamp(millis: 1),
          appendTime: Timestamp(millis: 2)
        ).encode(into: &output)
      }
    )
  }

  @Test func theNewestPriceWinsAndKeysCompareAsBytes() throws {
    let view = NewestView<LatestPrice>(partitionCount: 2)
    // The same letter, composed and decomposed: equal as Swift strings, two instruments all the same.
    try apply(view, [price("BTC/USD", 1), price("\u{e9}/USD", 2), price("e\u{301}/USD", 3), price("BTC/USD", 4)])
    try apply(view, [price("ETH/USD", 5)], offset: 10, partition: 1, epoch: 7)
    #expect(view.newest(of: "BTC/USD")?.value.price.raw == 4)
    #expect(view.newest(of: "\u{e9}/USD")?.value.price.raw == 2)
    #expect(view.newest(of: "e\u{301}/USD")?.value.price.raw == 3)
    let (prices, position) = view.all()
    // In the order of the keys' bytes, whatever the order in which they came.
    #expect(prices.map(\.value.price.raw) == [4, 5, 3, 2])
    #expect(position.text == "0:3,1:10")
    #expect(position.epochText == "1,7")
  }

  @Test func recordsBeforeTheOffsetAreNotAppliedTwice() throws {
    let view = NewestView<LatestPrice>(partitionCount: 1)
    try apply(view, [price("A/B", 1), price("A/B", 2)], offset: 0)
    try apply(view, [price("C/D", 3), price("A/B", 9)], offset: 0, from: 2)
    #expect(view.newest(of: "C/D") == nil)
    #expect(view.newest(of: "A/B")?.value.price.raw == 2)
  }

  @Test func aForgottenPartitionIsEmptyUntilItComesAgain() throws {
    let view = NewestView<LatestPrice>(partitionCount: 2)
    try apply(view, [price("A/B", 1)])
    try apply(view, [price("C/D", 2)], partition: 1)
    view.forget(partition: 0)
    #expect(view.newest(of: "A/B") == nil)
    #expect(view.newest(of: "C/D") != nil)
    #expect(view.position.text == "0:-1,1:0")
    try apply(view, [price("A/B", 8)], epoch: 2)
    #expect(view.newest(of: "A/B")?.epoch == 2)
  }
}
