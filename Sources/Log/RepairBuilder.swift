// Turns what a walk over a segment met into what a repair makes of it.

internal import Core

/// Takes the parts of one segment in order.
struct RepairBuilder {
  private var repair: SegmentRepair
  private(set) var steps: [String] = []
  private(set) var lostRecords: Int64 = 0
  /// The offset that the next batch must begin with.
  private var expected: Int64
  private var timestampMillis: Int64 = 0
  private var last: StoredBatch?
  /// The batch that comes next is to be given this place.
  private var isRestoring = false
  private var isDamaged = false

  /// Where the next segment begins, where there is one.
  private let endOffset: Int64?

  init(_ segment: SurveyedSegment, endOffset: Int64?) {
    self.endOffset = endOffset
    repair = SegmentRepair(segment: segment, endOffset: segment.baseOffset)
    repair.firstDamagedOffset = segment.baseOffset
    expected = segment.baseOffset
  }

  mutating func add(_ part: SegmentPart) {
    switch part {
    case .batch(let batch): add(batch)
    case .damage(let stretch):
      if !isDamaged { repair.firstDamagedOffset = stretch.kind == .content ? last?.baseOffset ?? expected : expected }
      isDamaged = true
      switch stretch.kind {
      case .prefix:
        isRestoring = true
        steps.append("write the offset at byte \(stretch.byte) of \(repair.segment.file) anew: \(stretch.reason)")
      case .unreadable:
        guard stretch.byteCount > 0 else { return }
        cut(from: stretch.byte, to: stretch.byte + stretch.byteCount, stretch.reason)
      case .content: cutContent(stretch)
      }
    }
  }

  private mutating func add(_ batch: StoredBatch) {
    if let endOffset, batch.lastOffset >= endOffset {
      isRestoring = false
      last = nil
      return cut(from: batch.byte, to: batch.byte + Int64(batch.byteCount), "the next segment holds its offsets")
    }
    if batch.baseOffset > expected { fill(to: batch.baseOffset) }
    let end = batch.byte + Int64(batch.byteCount)
    if isRestoring {
      repair.pieces.append(.restore(byte: batch.byte, byteCount: batch.byteCount, baseOffset: batch.baseOffset))
    } else if case .keep(let from, batch.byte) = repair.pieces.last {
      repair.pieces[repair.pieces.count - 1] = .keep(from: from, to: end)
    } else {
      repair.pieces.append(.keep(from: batch.byte, to: end))
    }
    isRestoring = false
    expected = batch.lastOffset + 1
    timestampMillis = batch.maxTimestampMillis
    last = batch
  }

  private mutating func cut(from: Int64, to: Int64, _ reason: String) {
    repair.pieces.append(.cut(from: from, to: to))
    steps.append("cut \(to - from) bytes at byte \(from) of \(repair.segment.file): \(reason)")
  }

  /// A batch that was kept a moment ago and cannot be decoded.
  private mutating func cutContent(_ stretch: DamagedStretch) {
    guard let batch = last, batch.byte == stretch.byte else { return }
    switch repair.pieces.last {
    case .keep(let from, _) where from < batch.byte:
      repair.pieces[repair.pieces.count - 1] = .keep(from: from, to: batch.byte)
    default: repair.pieces.removeLast()
    }
    cut(from: batch.byte, to: batch.byte + Int64(batch.byteCount), stretch.reason)
    expected = batch.baseOffset
    fill(to: batch.lastOffset + 1)
  }

  private mutating func fill(to offset: Int64) {
    repair.pieces.append(.fill(from: expected, to: offset, timestampMillis: timestampMillis))
    lostRecords += offset - expected
    steps.append("put records that say that they are lost in the place of offsets \(expected) to \(offset - 1)")
    expected = offset
  }

  mutating func finish() -> SegmentRepair {
    if !isDamaged { repair.firstDamagedOffset = expected }
    if let endOffset, expected < endOffset { fill(to: endOffset) }
    repair.endOffset = endOffset ?? expected
    return repair
  }
}
