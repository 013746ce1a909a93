// Candles as bytes: their events and their state.

package import Codecs
import Events
import Processors

extension CandleProcessor {
  /// The record of `prices.candles.v1`, straight from the bar: what `Candle.encode` writes, without a string.
  func emit(
    _ instrument: Int, _ interval: CandleInterval, _ bar: Bar, isFinal: Bool, _ row: TickRow,
    _ names: borrowing TickBatch, _ output: inout DerivedRecords
  ) {
    let key = names.instruments.bytes(at: instrument)
    output.append(timestampMillis: row.eventTime.millis, key: key, cause: row.offset) { writer in
      writer.append(schemaID: Topic.candles.schemaID)
      writer.append(varint: Int64(interval.rawValue))
      writer.append(varint: Int64(bar.bucket) * Int64(interval.rawValue) * 1_000_000_000)
      writer.append(avroDecimal: bar.open)
      writer.append(avroDecimal: bar.high)
      writer.append(avroDecimal: bar.low)
      writer.append(avroDecimal: bar.close)
      writer.append(avroDecimal: bar.volume)
      let vwap = bar.vwap
      writer.append(varint: vwap == nil ? 0 : 1)
      if let vwap { writer.append(avroDecimal: vwap) }
      writer.append(varint: bar.ticks)
      writer.append(varint: Int64(bar.revision))
      writer.append(avroBoolean: isFinal)
      writer.append(varint: row.eventTime.nanos)
      writer.append(varint: row.appendTime.nanos)
    }
  }

  package func save(into writer: inout ByteWriter) {
    writer.append(littleEndian: streamNanos)
    writer.append(littleEndian: firstOpenMinute)
    writer.append(littleEndian: Int64(instruments.count))
    for instrument in 0..<instruments.count {
      let state = instruments[instrument]
      writer.append(littleEndian: state.dirtyMinutes)
      writer.append(littleEndian: state.dirtyRolled)
      writer.append(state.isCooling ? UInt8(1) : 0)
      Self.save(minutes, instrument, layout.minutePlaces, into: &writer)
      Self.save(rolled, instrument, layout.rolledCount, into: &writer)
    }
    due.save(into: &writer)
  }

  /// The places in use: their number, then each with its bar.
  private static func save(
    _ bars: borrowing Slab<Bar>, _ instrument: Int, _ places: Int, into writer: inout ByteWriter
  ) {
    let used = (0..<places).filter { bars[instrument * places + $0].bucket >= 0 }
    writer.append(UInt8(used.count))
    for place in used {
      writer.append(UInt8(place))
      bars[instrument * places + place].save(into: &writer)
    }
  }

  package mutating func restore(from reader: inout ByteReader) throws(CodecError) {
    streamNanos = try reader.read(littleEndian: Int64.self)
    firstOpenMinute = try reader.read(littleEndian: Int32.self)
    guard streamNanos >= 0, firstOpenMinute == firstMinuteOpen(at: streamNanos) else {
      throw .malformed(at: reader.position, reason: "open candles that are not those of the stream time")
    }
    nextFinalNanos = (Int64(firstOpenMinute) + 1) * Self.minuteNanos + settings.latenessNanos
    let open = layout.openBuckets(firstOpenMinute...Int32(truncatingIfNeeded: streamNanos / Self.minuteNanos))
    let count = try reader.readCount(max: ProcessorLimits.instrumentsMax)
    extend(to: count)
    for instrument in 0..<count {
      instruments[instrument].dirtyMinutes = try reader.read(littleEndian: UInt64.self)
      instruments[instrument].dirtyRolled = try reader.read(littleEndian: UInt64.self)
      instruments[instrument].isCooling = try reader.readByte() != 0
      let dirty = (minutes: instruments[instrument].dirtyMinutes, rolled: instruments[instrument].dirtyRolled)
      let usedMinutes = try Self.restore(&minutes, instrument, open.minutes, &openCounts, firstCount: 0, from: &reader)
      let usedRolled = try Self.restore(
        &rolled, instrument, open.rolled, &openCounts, firstCount: layout.minutePlaces, from: &reader)
      guard dirty.minutes & ~usedMinutes == 0, dirty.rolled & ~usedRolled == 0 else {
        throw .malformed(at: reader.position, reason: "a change of a candle that is not open")
      }
    }
    try due.restore(from: &reader, keyCount: count)
  }

  /// Returns the places in use, a bit for each. `open` says by place which bucket it may hold.
  private static func restore(
    _ bars: inout Slab<Bar>, _ instrument: Int, _ open: [Int32?], _ openCounts: inout Slab<Int>, firstCount: Int,
    from reader: inout ByteReader
  ) throws(CodecError) -> UInt64 {
    var used: UInt64 = 0
    for _ in 0..<(try reader.readByte()) {
      let at = reader.position
      let place = Int(try reader.readByte())
      guard place < open.count else { throw .malformed(at: at, reason: "a place that does not exist") }
      let bar = try Bar(from: &reader)
      guard bar.bucket == open[place], used & (1 &<< UInt64(place)) == 0 else {
        throw .malformed(at: at, reason: "a candle that is not open, or not in its place")
      }
      used |= 1 &<< UInt64(place)
      bars[instrument * open.count + place] = bar
      openCounts[firstCount + place] += 1
    }
    return used
  }
}
