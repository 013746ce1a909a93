// The engine's parts by themselves.

import Codecs
import Events
import Kit
import Log
import Testing

@testable import Processors

@Suite struct EngineTests {
  @Test func theHashDependsOnTheBytesAlone() throws {
    var random = SplitMix(seed: 1)
    let bytes = (0..<100_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    var whole = RecordHash()
    whole.update(bytes.span.bytes)
    for _ in 0..<20 {
      var pieces = RecordHash()
      var position = 0
      while position < bytes.count {
        let end = min(position + Int(random.next() % 30_000), bytes.count)
        pieces.update(bytes.span.bytes.extracting(position..<end))
        position = end
        // And its state survives as bytes.
        var writer = ByteWriter()
        pieces.save(into: &writer)
        var reader = ByteReader(writer.bytes)
        pieces = RecordHash()
        try pieces.restore(from: &reader)
      }
      #expect(pieces.value == whole.value)
    }
    var other = RecordHash()
    other.update(bytes.span.bytes.extracting(1..<bytes.count))
    #expect(other.value != whole.value)
  }

  /// The formula is part of every checkpoint: H(n) = SHA-256(H(n-1) | block n), then the rest.
  @Test(arguments: [0, 1, 16_383, 16_384, 16_385, 32_768, 50_000])
  func theHashIsTheChainThatItIsSaidToBe(_ count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var chained = [UInt8](repeating: 0, count: 32)
    var digest = SHA256Digest()
    for start in stride(from: 0, through: count, by: 16_384) {
      digest.update(chained.span.bytes)
      digest.update(bytes.span.bytes.extracting(start..<min(start + 16_384, count)))
      chained = digest.finalize()
    }
    for step in [1, 1000, 16_384, 100_000] {
      var hash = RecordHash()
      for start in stride(from: 0, to: count, by: step) {
        hash.update(bytes.span.bytes.extracting(start..<min(start + step, count)))
      }
      #expect(hash.value == chained, "in steps of \(step)")
    }
  }

  @Test func aCheckpointDecodesToWhatWasEncoded() throws {
    let checkpoint = Checkpoint(
      inputEpoch: 7, position: 1 << 40, fingerprint: Array(repeating: 1, count: 32),
      outputs: [OutputMark(epoch: 3, endOffset: 9, hash: [1, 2, 3]), OutputMark(epoch: 4, endOffset: 0, hash: [])],
      stateHash: Array(repeating: 2, count: 32), state: Array(0...200))
    var writer = ByteWriter()
    checkpoint.encode(into: &writer)
    let bytes = writer.copy()
    #expect(try Checkpoint(decoding: bytes.span.bytes) == checkpoint)
    for count in 0..<bytes.count {
      let torn = Array(bytes[..<count])
      #expect(throws: CodecError.self) { try Checkpoint(decoding: torn.span.bytes) }
    }
    for place in bytes.indices {
      var flipped = bytes
      flipped[place] ^= 0x10
      #expect(throws: CodecError.self) { try Checkpoint(decoding: flipped.span.bytes) }
    }
  }

  @Test func derivedRecordsKeepTheirBytesAndCauses() {
    var records = DerivedRecords()
    for index in 0..<300 {
      let key = Array("K\(index)".utf8)
      records.append(timestampMillis: Int64(index) * 10, key: key.span.bytes, cause: Int64(index / 2)) { writer in
        for _ in 0..<index { writer.append(UInt8(truncatingIfNeeded: index)) }
      }
    }
    var seen = 0
    records.forEach(firstOffset: 1000) { record, index in
      #expect(record.offset == 1000 + Int64(index) && record.timestampMillis == Int64(index) * 10)
      #expect([UInt8](record.key) == Array("K\(index)".utf8))
      #expect([UInt8](record.value) == Array(repeating: UInt8(truncatingIfNeeded: index), count: index))
      #expect(records.cause(index) == Int64(index / 2))
      seen += 1
    }
    #expect(seen == 300)
  }

  @Test func aSlabWidensRowByRow() {
    var slab = Slab<Int>(filler: -1)
    for value in 0..<12 { slab.append(value) }
    slab.widen(stride: 3, to: 5)
    #expect(slab.count == 20)
    for row in 0..<4 {
      for column in 0..<5 { #expect(slab[row * 5 + column] == (column < 3 ? row * 3 + column : -1)) }
    }
    slab.extend(to: 200)
    #expect(slab[19] == -1 && slab[199] == -1 && slab[15] == 9)
  }

  private func row(
    _ kind: TickKind = .trade, price: Int128 = 1, volume: Int128 = 0, event: Int64 = 0, appended: Int64 = 0,
    instrument: Int32 = 0, source: UInt16 = 0
  ) -> TickRow {
    TickRow(
      price: Price(raw: price), volume: Quantity(raw: volume), eventTime: Timestamp(nanos: event),
      appendTime: Timestamp(nanos: appended), offset: 0, instrument: instrument, source: source, kind: kind,
      side: .unknown)
  }

  /// Each bound, on it and one beyond.
  @Test func theScreenRefusesWhatCannotBe() {
    let screen = TickScreen(futureNanosMax: 100)
    let most = ProcessorLimits.decimalMax
    let admitted = [
      row(), row(price: most, volume: most), row(event: 100), row(.quote), row(.gap, price: 0),
      row(.clock, price: 0, event: 1 << 40, instrument: -1),
      row(event: ProcessorLimits.timeNanosMax, appended: ProcessorLimits.timeNanosMax),
      row(instrument: Int32(ProcessorLimits.instrumentsMax) - 1, source: UInt16(ProcessorLimits.sourcesMax) - 1),
    ]
    for (index, row) in admitted.enumerated() {
      #expect(screen.rejection(row) == nil, "\(index)")
      #expect(screen.isPlainPrice(row) == row.isPrice, "\(index)")
    }
    let refused: [(TickRow, DeadLetterReason)] = [
      (row(price: 0), .invalid), (row(price: -1), .invalid), (row(price: .min), .invalid),
      (row(price: most + 1), .invalid), (row(.quote, price: 0), .invalid), (row(volume: -1), .invalid),
      (row(volume: most + 1), .invalid), (row(volume: .min), .invalid), (row(event: 101), .future),
      (row(.gap, event: 101), .future), (row(event: -1), .invalid), (row(event: .min), .invalid),
      (row(event: .max), .invalid), (row(.clock, event: ProcessorLimits.timeNanosMax + 1), .invalid),
      (row(appended: -1), .invalid), (row(instrument: -1), .invalid),
      (row(instrument: Int32(ProcessorLimits.instrumentsMax)), .invalid),
      (row(source: UInt16(ProcessorLimits.sourcesMax)), .invalid),
    ]
    for (row, reason) in refused {
      #expect(screen.rejection(row)?.reason == reason, "\(row)")
      #expect(!screen.isPlainPrice(row), "\(row)")
    }
  }
}
