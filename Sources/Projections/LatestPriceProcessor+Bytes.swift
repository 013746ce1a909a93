// The latest price as bytes: its events and its state.

package import Codecs
import Events
import Processors

extension LatestPriceProcessor {
  /// The value of `prices.latest.v1`, straight from the state: what `LatestPrice.encode` writes, without a string.
  func encode(
    _ instrument: Int, previous: Int128, _ row: TickRow, _ names: borrowing TickBatch, into writer: inout ByteWriter
  ) {
    let state = instruments[instrument]
    writer.append(schemaID: Topic.latest.schemaID)
    writer.append(avroDecimal: state.price)
    writer.append(varint: previous == 0 ? 0 : 1)
    if previous != 0 { writer.append(avroDecimal: previous) }
    let direction: PriceDirection
    if previous == 0 || previous == state.price {
      direction = .unchanged
    } else {
      direction = state.price > previous ? .up : .down
    }
    writer.append(varint: Int64(direction.rawValue))
    let change = state.price - state.reference
    writer.append(avroDecimal: change)
    writer.append(avroDecimal: Self.percent(change, of: state.reference))
    writer.append(avroDecimal: state.pastVolume + state.bucketVolume)
    writer.append(varint: Int64(state.contributing.nonzeroBitCount))
    for source in weights.byName where state.contributing & (1 &<< UInt64(source)) != 0 {
      let quote = quotes[instrument &* stride &+ source]
      writer.append(avroBytes: names.sources.bytes(at: source))
      writer.append(avroDecimal: quote.price)
      writer.append(avroDecimal: weights.full[source])
      writer.append(varint: quote.eventNanos)
    }
    writer.append(varint: 0)
    writer.append(varint: row.eventTime.nanos)
    writer.append(varint: row.appendTime.nanos)
  }

  package func save(into writer: inout ByteWriter) {
    writer.append(littleEndian: streamNanos)
    writer.append(littleEndian: Int64(instruments.count))
    writer.append(littleEndian: Int64(sourceCount))
    for instrument in 0..<instruments.count {
      let state = instruments[instrument]
      writer.append(state.price)
      writer.append(state.reference)
      writer.append(state.bucketVolume)
      writer.append(state.pastVolume)
      writer.append(littleEndian: state.bucketStart)
      writer.append(littleEndian: state.contributing)
      writer.append(littleEndian: state.oldestNanos)
      writer.append((state.isCooling ? 1 : 0) | (state.isDirty ? 2 : 0))
      for source in 0..<sourceCount {
        writer.append(quotes[instrument * stride + source].price)
        writer.append(littleEndian: quotes[instrument * stride + source].eventNanos)
      }
      history.save(instrument, into: &writer)
    }
    due.save(into: &writer)
  }

  package mutating func restore(from reader: inout ByteReader) throws(CodecError) {
    streamNanos = try reader.read(littleEndian: Int64.self)
    let instrumentCount = try reader.readCount(max: ProcessorLimits.instrumentsMax)
    sourceCount = try reader.readCount(max: ProcessorLimits.sourcesMax)
    stride = max(stride, sourceCount.nextPowerOfTwo)
    instruments.extend(to: instrumentCount)
    quotes.extend(to: instrumentCount * stride)
    history.extend(to: instrumentCount)
    for instrument in 0..<instrumentCount {
      var state = InstrumentPrice()
      state.price = try reader.readInt128()
      state.reference = try reader.readInt128()
      state.bucketVolume = try reader.readInt128()
      state.pastVolume = try reader.readInt128()
      state.bucketStart = try reader.read(littleEndian: Int64.self)
      state.contributing = try reader.read(littleEndian: UInt64.self)
      state.oldestNanos = try reader.read(littleEndian: Int64.self)
      let flags = try reader.readByte()
      state.isCooling = flags & 1 != 0
      state.isDirty = flags & 2 != 0
      instruments[instrument] = state
      for source in 0..<sourceCount {
        let price = try reader.readInt128()
        let eventNanos = try reader.read(littleEndian: Int64.self)
        quotes[instrument * stride + source] = SourceQuote(price: price, eventNanos: eventNanos)
      }
      try history.restore(instrument, from: &reader)
    }
    try due.restore(from: &reader, keyCount: instrumentCount)
  }
}
