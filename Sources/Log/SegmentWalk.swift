// Walks all of a segment, over damage and on: what verify, inspect and repair have in common.

internal import Codecs
internal import Core

/// Reads a segment front to back and tells every batch and every stretch that is none. Owns its buffers.
struct SegmentWalk<File: LogFile>: ~Copyable {
  /// Room for the largest batch, at any place, with the header of the next one.
  private static var chunkBytes: Int { 4 * Limits.batchBytesMax }

  private enum Verdict {
    case whole(BatchFrame)
    /// More of the file must be read to tell.
    case cut
    /// Offsets are missing before it.
    case late(BatchFrame)
    case restorable(BatchFrame, String)
    case damaged(String)
  }

  /// Whether the records of each batch are decoded too.
  private let decodesRecords: Bool
  private var chunk = ByteWriter(capacity: 64)
  private var header = ByteWriter(capacity: BatchFrame.headerBytes)
  private var records = RecordBatchReader()
  private var scan: SegmentScan<File>
  /// Compaction wrote the segment.
  private let mayHaveGaps: Bool
  /// The offset that the next batch must begin with.
  private var expected: Int64 = 0
  private var endOffset: Int64?
  /// The unsynced bytes of the next batch, if it was written in the same round; nil where that is not known.
  private var unsynced: Int?
  /// After damaged bytes the next batch may begin with any later offset.
  private var isResuming = false
  /// The bytes that were damaged just before.
  private var damagedBytes: Int64 = 0

  init(decodesRecords: Bool, mayHaveGaps: Bool) {
    self.decodesRecords = decodesRecords
    self.mayHaveGaps = mayHaveGaps
    scan = SegmentScan(mayHaveGaps: mayHaveGaps)
  }

  /// Calls `body` with all parts of the first `end` bytes of `file` in order. `endOffset` is the offset after the
  /// segment's last record, where that is known. Returns the offset after the last batch that was found.
  mutating func forEachPart(
    of file: File, to end: Int64, baseOffset: Int64, endOffset: Int64?, _ body: (SegmentPart) -> Void
  ) throws(FileError) -> Int64 {
    expected = baseOffset
    self.endOffset = endOffset
    isResuming = false
    unsynced = nil
    damagedBytes = 0
    var position: Int64 = 0
    while position < end {
      chunk.removeAll()
      try file.read(Int(min(Int64(Self.chunkBytes), end - position)), at: position, into: &chunk)
      if chunk.count == 0 { break }
      position = try walkChunk(of: file, from: position, to: end, body)
    }
    return expected
  }

  /// Returns where to read on.
  private mutating func walkChunk(
    of file: File, from position: Int64, to end: Int64, _ body: (SegmentPart) -> Void
  ) throws(FileError) -> Int64 {
    var start = 0
    while position + Int64(start) < end {
      let byte = position + Int64(start)
      switch judge(start, at: byte, remaining: end - byte) {
      case .whole(let frame): start += take(frame, start, byte, decoding: decodesRecords, body)
      case .late(let frame):
        let reason = "offsets \(expected) to \(frame.baseOffset - 1) are missing"
        body(.damage(DamagedStretch(kind: .unreadable, byte: byte, byteCount: 0, reason: reason)))
        start += take(frame, start, byte, decoding: decodesRecords, body)
      case .restorable(let frame, let reason):
        body(
          .damage(DamagedStretch(kind: .prefix, byte: byte, byteCount: Int64(BatchFrame.prefixBytes), reason: reason)))
        start += take(frame, start, byte, decoding: false, body)
      case .cut:
        // The file became shorter than it was.
        if start == 0 { return end }
        return byte
      case .damaged(let reason):
        let resume = try place(after: byte, start, of: file, to: end) ?? end
        body(.damage(DamagedStretch(kind: .unreadable, byte: byte, byteCount: resume - byte, reason: reason)))
        isResuming = true
        unsynced = nil
        damagedBytes += resume - byte
        return resume
      }
    }
    return position + Int64(start)
  }

  /// Tells of a whole batch; returns its size.
  private mutating func take(
    _ frame: BatchFrame, _ start: Int, _ byte: Int64, decoding: Bool, _ body: (SegmentPart) -> Void
  ) -> Int {
    body(.batch(StoredBatch(frame, chunk.bytes, at: start, byte: byte)))
    if decoding, let reason = contentFault(start, frame) {
      let stretch = DamagedStretch(kind: .content, byte: byte, byteCount: Int64(frame.byteCount), reason: reason)
      body(.damage(stretch))
    }
    expected = frame.lastOffset + 1
    unsynced = frame.unsyncedBytes + frame.byteCount
    isResuming = false
    damagedBytes = 0
    return frame.byteCount
  }

  private mutating func judge(_ start: Int, at byte: Int64, remaining: Int64) -> Verdict {
    let available = chunk.count - start
    guard remaining >= Int64(BatchFrame.headerBytes) else {
      return .damaged("\(remaining) bytes, fewer than a batch's header has")
    }
    guard available >= BatchFrame.headerBytes else { return .cut }
    guard let frame = BatchFrame(chunk.bytes, at: start, byteCountMax: Limits.batchBytesMax) else {
      if let frame = frame(expectedAt: start) { return .restorable(frame, "the offset or epoch of a batch is wrong") }
      return .damaged("no record batch begins here")
    }
    guard Int64(frame.byteCount) <= remaining else {
      return .damaged("a batch of \(frame.byteCount) bytes, but the segment ends after \(remaining)")
    }
    // The next batch's header must be in the chunk too, to judge by.
    let wanted = min(Int64(frame.byteCount + BatchFrame.headerBytes), remaining)
    guard Int64(available) >= wanted else { return .cut }
    guard frame.isIntact(chunk.bytes, at: start) else { return .damaged("the checksum does not match") }
    guard frame.isDense || mayHaveGaps else {
      return .damaged("\(frame.recordCount) records at offsets \(frame.baseOffset) to \(frame.lastOffset)")
    }
    if !frame.isInPlace(at: byte, after: unsynced), let restored = self.frame(expectedAt: start) {
      return .restorable(restored, "the batch says that \(frame.unsyncedBytes) bytes before it were not synced")
    }
    if frame.baseOffset == expected { return .whole(frame) }
    let isPlausible = isPlausible(frame)
    if isResuming, frame.baseOffset > expected, isPlausible { return .whole(frame) }
    // Either this offset is wrong, or batches are missing before it: what follows tells. If nothing follows, that the
    // one field without a checksum is wrong is likelier than that batches vanished and left no hole.
    let isLast = Int64(frame.byteCount) == remaining
    let following = BatchFrame(chunk.bytes, at: start + frame.byteCount, byteCountMax: Limits.batchBytesMax)?.baseOffset
    let next = isLast ? endOffset : following
    if next == expected + (frame.lastOffset - frame.baseOffset) + 1 || isLast && next == nil,
      let restored = self.frame(expectedAt: start)
    {
      return .restorable(restored, "the batch says offset \(frame.baseOffset), its place says \(expected)")
    }
    if frame.baseOffset > expected, isPlausible { return .late(frame) }
    return .damaged("a batch of offset \(frame.baseOffset), which cannot be here")
  }

  /// Whether a batch that begins later than expected may be true: it lies before the segment's end, or at least what
  /// is missing could have stood in the bytes that are damaged.
  private func isPlausible(_ frame: BatchFrame) -> Bool {
    if let endOffset { return frame.lastOffset < endOffset }
    let batchesMax = damagedBytes / Int64(BatchFrame.headerBytes) + 1
    return frame.baseOffset - expected <= batchesMax * Int64(Limits.batchRecordsMax)
  }

  /// The batch at `start`, if it is whole but for what no checksum covers: offset and epoch.
  private mutating func frame(expectedAt start: Int) -> BatchFrame? {
    // What the batch behind it says of the same round tells which number was right.
    let length = BatchFrame(chunk.bytes, at: start, byteCountMax: Limits.batchBytesMax)?.byteCount ?? 0
    let next = BatchFrame(chunk.bytes, at: start + length, byteCountMax: Limits.batchBytesMax)?.unsyncedBytes
    let right = length > 0 && next == (unsynced ?? 0) + length ? unsynced ?? 0 : 0
    Self.copyHeader(of: chunk, at: start, offset: expected, unsyncedBytes: right, into: &header)
    guard let frame = BatchFrame(header.bytes, byteCountMax: Limits.batchBytesMax),
      frame.isIntact(chunk.bytes, at: start)
    else { return nil }
    return frame
  }

  private static func copyHeader(
    of chunk: borrowing ByteWriter, at start: Int, offset: Int64, unsyncedBytes: Int, into header: inout ByteWriter
  ) {
    let bytes = chunk.bytes
    header.removeAll()
    header.append(bigEndian: offset)
    header.append(bytes.extracting(start + 8..<start + 12))
    header.append(bigEndian: Int32(truncatingIfNeeded: unsyncedBytes))
    header.append(bytes.extracting(start + BatchFrame.prefixBytes..<start + BatchFrame.headerBytes))
  }

  /// Where the first batch after a damaged one begins: behind it, if its length can still be believed, or the next
  /// one that is found byte by byte.
  private mutating func place(after byte: Int64, _ start: Int, of file: File, to end: Int64) throws(FileError) -> Int64?
  {
    if let broken = BatchFrame(chunk.bytes, at: start, byteCountMax: Limits.batchBytesMax),
      let next = BatchFrame(chunk.bytes, at: start + broken.byteCount, byteCountMax: Limits.batchBytesMax),
      next.baseOffset > expected, next.isIntact(chunk.bytes, at: start + broken.byteCount)
    {
      return byte + Int64(broken.byteCount)
    }
    return try scan.laterBatch(of: file, after: byte + 1, to: end, nextOffset: expected)
  }

  private mutating func contentFault(_ start: Int, _ frame: BatchFrame) -> String? {
    var newest = Int64.min
    var previous = frame.baseOffset - 1
    var isOrdered = true
    var count = 0
    do throws(CodecError) {
      try Self.open(&records, chunk, at: start, byteCount: frame.byteCount)
      try records.forEachRecord { (record: RecordView) throws(CodecError) in
        newest = max(newest, record.timestampMillis)
        isOrdered = isOrdered && record.offset > previous
        previous = record.offset
        count += 1
      }
    } catch { return "a record does not decode: \(error)" }
    if count != frame.recordCount { return "\(count) records where the header says \(frame.recordCount)" }
    if !isOrdered { return "the records' offsets do not ascend" }
    guard count == 0 || newest == frame.maxTimestampMillis else {
      return "the largest timestamp is \(newest), the header says \(frame.maxTimestampMillis)"
    }
    return nil
  }

  private static func open(
    _ records: inout RecordBatchReader, _ chunk: borrowing ByteWriter, at start: Int, byteCount: Int
  ) throws(CodecError) {
    try records.open(chunk.bytes.extracting(start..<start + byteCount), verifyingChecksum: false)
  }
}
