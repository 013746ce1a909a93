// A fold over encoded batches, with everything it put out.

import Codecs
import Events
import Processors
import Projections

/// A record of a derived topic, copied.
struct OutputRecord: Hashable {
  var timestampMillis: Int64
  var key: [UInt8]
  var value: [UInt8]
  /// The offset of the input record that caused it.
  var cause: Int64
}

typealias PricePair = ProcessorPair<LatestPriceProcessor, CandleProcessor>

func makePair(
  _ latest: LatestPriceSettings = LatestPriceSettings(), _ candles: CandleSettings = CandleSettings()
) -> PricePair {
  ProcessorPair(LatestPriceProcessor(latest), CandleProcessor(candles))
}

/// Everything that came of it: records by topic (latest, candles, dead letters) and the state's bytes.
struct FoldResult: Equatable {
  var records: [[OutputRecord]] = [[], [], []]
  var state: [UInt8] = []

  var latest: [LatestPrice] { decode(0) { try LatestPrice(decoding: $0) } }
  var candles: [Candle] { decode(1) { try Candle(decoding: $0) } }
  var dead: [DeadLetter] { decode(2) { try DeadLetter(decoding: $0) } }

  private func decode<Event>(_ topic: Int, _ body: (RecordView) throws -> Event) -> [Event] {
    records[topic].compactMap { record in
      try? body(
        RecordView(
          offset: 0, timestampMillis: record.timestampMillis, key: record.key.span.bytes,
          value: record.value.span.bytes))
    }
  }
}

/// Folds `batches`, taking the state through its bytes and into a new pipeline after the batches in `restarts`.
func fold(
  _ batches: [[UInt8]], restarts: Set<Int> = [], _ latest: LatestPriceSettings = LatestPriceSettings(),
  _ candles: CandleSettings = CandleSettings()
) throws -> FoldResult {
  var result = FoldResult()
  var pipeline = FoldPipeline(makePair(latest, candles))
  for (index, batch) in batches.enumerated() {
    _ = try pipeline.fold(batch.span.bytes) { outputs in
      for topic in 0..<3 {
        outputs[topic: topic].forEach(firstOffset: 0) { record, position in
          result.records[topic].append(
            OutputRecord(
              timestampMillis: record.timestampMillis, key: [UInt8](record.key), value: [UInt8](record.value),
              cause: outputs[topic: topic].cause(position)))
        }
      }
    }
    if restarts.contains(index) {
      var state = ByteWriter()
      pipeline.save(into: &state)
      let next = FoldPipeline(makePair(latest, candles))
      var reader = ByteReader(state.bytes)
      try next.restore(from: &reader, position: pipeline.position)
      pipeline = next
    }
  }
  var state = ByteWriter()
  pipeline.save(into: &state)
  result.state = state.copy()
  return result
}
