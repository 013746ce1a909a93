// Ticks through bytes and back; the fast way against the exact one.

import Codecs
import Events
import Kit
import Testing

/// A tick of any legal shape, the common ones most often.
func randomTick(_ random: inout SplitMix) -> Tick {
  func raw() -> Int128 {
    let wide = Int128(truncatingIfNeeded: UInt128(random.next()) << 64 | UInt128(random.next()))
    return random.next() % 4 == 0
      ? wide >> Int128(random.next() % 128) : Int128(random.next() % 1_000_000) * 1_000_000_000_000
  }
  func time() -> Timestamp {
    switch random.next() % 8 {
    case 0: Timestamp(nanos: Int64(bitPattern: random.next()) >> Int64(random.next() % 64))
    default: Timestamp(nanos: 1_700_000_000_000_000_000 + Int64(random.next() % 1_000_000_000_000))
    }
  }
  let sources = ["coinbase", "binance", "kraken", "", "a-source-of-sixt", "a-source-of-seven", "é"]
  let kind = TickKind.allCases[Int(random.next() % 4)]
  return Tick(
    kind: kind, instrument: kind == .clock ? "" : "I\(random.next() % 50)/USD",
    source: sources[Int(random.next() % UInt64(sources.count))], price: Price(raw: raw()), volume: Quantity(raw: raw()),
    side: TickSide.allCases[Int(random.next() % 3)],
    sequence: random.next() % 3 == 0 ? nil : Int64(bitPattern: random.next()) >> Int64(random.next() % 64),
    eventTime: time())
}

func row(_ tick: Tick, _ appendTime: Timestamp, _ offset: Int64, _ batch: borrowing TickBatch) -> TickRow {
  TickRow(
    price: tick.price, volume: tick.volume, eventTime: tick.eventTime, appendTime: appendTime, offset: offset,
    instrument: tick.kind == .clock ? -1 : batch.instruments.find(Array(tick.instrument.utf8).span.bytes),
    source: UInt16(batch.sources.find(Array(tick.source.utf8).span.bytes)), kind: tick.kind, side: tick.side)
}

func isSame(_ left: TickRow, _ right: TickRow) -> Bool {
  left.price == right.price && left.volume == right.volume && left.eventTime == right.eventTime
    && left.appendTime == right.appendTime && left.offset == right.offset && left.instrument == right.instrument
    && left.source == right.source && left.kind == right.kind && left.side == right.side
}

@Test func aRowIs64Bytes() {
  #expect(MemoryLayout<TickRow>.stride == 64)
}

@Test(arguments: Compression.allCases) func ticksRoundTripInBatches(_ compression: Compression) throws {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  var batch = TickBatch()
  var writer = RecordBatchWriter()
  var scratch = ByteWriter()
  for count in [1, 10, 1000, 3000] {
    let ticks = (0..<count).map { _ in (randomTick(&random), Timestamp(nanos: Int64(random.next() >> 2))) }
    for (tick, appendTime) in ticks { writer.append(tick, appendTime: appendTime, scratch: &scratch) }
    let bytes = writer.finish(compression: compression).bytes
    try batch.decode(bytes.span.bytes, verifyingChecksum: true)
    #expect(batch.count == count && batch.undecodable.isEmpty, "seed \(seed)")
    let rows = batch.rows
    for (index, (tick, appendTime)) in ticks.enumerated() where index < batch.count {
      let same = isSame(rows[index], row(tick, appendTime, Int64(index), batch))
      #expect(same, "seed \(seed), tick \(index): \(tick)")
    }
    var reader = RecordBatchReader()
    try reader.open(bytes.span.bytes, verifyingChecksum: true)
    var decoded: [Tick] = []
    try reader.forEachRecord { record throws(CodecError) in decoded.append(try Tick.decode(record).tick) }
    #expect(decoded == ticks.map(\.0), "seed \(seed)")
  }
}

/// One record's value, changed at random: the fast way must agree with the exact one on every outcome.
@Test func theFastWayEqualsTheExactOne() {
  let seed = UInt64.random(in: 0...UInt64.max)
  var random = SplitMix(seed: seed)
  var fastCount = 0
  for _ in 0..<60_000 {
    let tick = randomTick(&random)
    var writer = ByteWriter()
    tick.encode(appendTime: Timestamp(nanos: 1_700_000_000_000_000_000), into: &writer)
    var value = writer.copy()
    for _ in 0..<(random.next() % 3) {
      let position = Int(random.next() % UInt64(value.count))
      switch random.next() % 4 {
      case 0: value[position] = UInt8(truncatingIfNeeded: random.next())
      case 1: value[position] ^= 1 << UInt8(random.next() % 8)
      case 2: value.remove(at: position)
      default: value.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
      }
      if value.isEmpty { value = [0] }
    }
    if compareWays(value, Array(tick.instrument.utf8), &random, "seed \(seed)") { fastCount += 1 }
  }
  #expect(fastCount > 10_000, "the fast way was hardly taken: the test shows nothing")
}

private func compareWays(_ value: [UInt8], _ key: [UInt8], _ random: inout SplitMix, _ comment: String) -> Bool {
  let padding = (0..<64).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  let (paddedKey, paddedValue) = (key + padding, value + padding)
  var instruments = ByteInterner()
  var sources = ByteInterner()
  _ = instruments.intern(key.span.bytes)
  for source in ["coinbase", "binance", "kraken", "", "a-source-of-sixt", "a-source-of-seven", "é"] {
    _ = sources.intern(Array(source.utf8).span.bytes)
  }
  let known = sources.count
  let exact = RecordView(offset: 7, timestampMillis: 0, key: key.span.bytes, value: value.span.bytes)
  let fast = RecordView(
    offset: 7, timestampMillis: 0, key: paddedKey.span.bytes.extracting(0..<key.count),
    value: paddedValue.span.bytes.extracting(0..<value.count), padding: 64)
  let wanted = Result { () throws(CodecError) in
    try TickDecoder.decode(exact, instruments: &instruments, sources: &sources)
  }
  let isNew = sources.count > known
  let got = Result { () throws(CodecError) in
    try TickDecoder.decode(fast, instruments: &instruments, sources: &sources)
  }
  switch (wanted, got) {
  case (.success(let left), .success(let right)):
    #expect(isSame(left, right), "\(comment): \(value)")
    return !isNew
  case (.failure(let left), .failure(let right)): #expect(left == right, "\(comment): \(value)")
  default: Issue.record("\(comment): \(wanted) but \(got) for \(value)")
  }
  return false
}

@Test func aBadRecordStopsNothing() throws {
  let good = Tick(
    kind: .trade, instrument: "BTC/USD", source: "coinbase", price: Price(raw: 5), eventTime: Timestamp(millis: 1000))
  var scratch = ByteWriter()
  good.encode(appendTime: Timestamp(millis: 2000), into: &scratch)
  let value = scratch.copy()
  let key = Array("BTC/USD".utf8)
  var bad: [([UInt8]?, [UInt8]?)] = [
    (key, nil), (key, []), (nil, value), ([], value), (key, Array(value.dropLast())), (key, value + [0]),
    ([0xff, 0xfe], value), ([UInt8](repeating: 65, count: 257), value),
  ]
  for (position, byte) in [(0, UInt8(1)), (4, 2), (5, 8), (6, 6), (5, 1)] {
    var damaged = value
    damaged[position] = byte
    bad.append((key, damaged))
  }
  var writer = RecordBatchWriter()
  for (badKey, badValue) in bad {
    writer.append(good, appendTime: Timestamp(millis: 2000), scratch: &scratch)
    switch (badKey, badValue) {
    case (let key?, let value?): writer.append(timestampMillis: 5, key: key.span.bytes, value: value.span.bytes)
    case (let key?, nil): writer.append(timestampMillis: 5, key: key.span.bytes, value: nil)
    case (nil, let value?): writer.append(timestampMillis: 5, key: nil, value: value.span.bytes)
    case (nil, nil): break
    }
  }
  var batch = TickBatch()
  let bytes = writer.finish().bytes
  try batch.decode(bytes.span.bytes, verifyingChecksum: true)
  #expect(batch.count == bad.count)
  #expect(batch.undecodable.map(\.offset) == bad.indices.map { Int64(2 * $0 + 1) })
  #expect(batch.undecodable.map(\.value) == bad.map { $0.1 ?? [] })
  #expect(batch.undecodable.map(\.key) == bad.map { $0.0 ?? [] })
  #expect(batch.instruments.count == 1, "a bad record must leave no name behind")
}

@Test func earlierRecordsAreLeftOut() throws {
  var writer = RecordBatchWriter()
  var scratch = ByteWriter()
  for index in 0..<10 {
    let tick = Tick(kind: .clock, instrument: "", source: "clock", eventTime: Timestamp(millis: Int64(index)))
    writer.append(tick, appendTime: Timestamp(millis: 1), scratch: &scratch)
  }
  var bytes = writer.finish().bytes
  RecordBatchHeader.patch(baseOffset: 100, in: &bytes)
  var batch = TickBatch()
  let header = try batch.decode(bytes.span.bytes, verifyingChecksum: true, from: 107)
  #expect(header.lastOffset == 109)
  #expect(batch.count == 3)
  let rows = batch.rows
  let first = rows[0]
  #expect(first.offset == 107 && first.instrument == -1)
}
