// Walks the batches of a segment file, believing nothing.

internal import Codecs
internal import Core

/// Reads a segment front to back. Owns the read buffer, so that one scan can be reused for many segments.
struct SegmentScan<File: LogFile>: ~Copyable {
  /// Room for the largest batch at any place of the chunk.
  private static var chunkBytes: Int { 4 * Limits.batchBytesMax }
  /// Only what compaction wrote may have fewer records than offsets.
  private let mayHaveGaps: Bool
  private var chunk = ByteWriter(capacity: 64)

  init(mayHaveGaps: Bool) { self.mayHaveGaps = mayHaveGaps }

  /// Calls `body` with each whole, valid batch of `file` from `position` up to `end` in order, as long as offsets
  /// are contiguous. `nextOffset` is the first one's base offset; nil when not known. Returns where the valid part
  /// ends; short of `end`, the bytes there are no batch of this segment.
  mutating func forEachBatch(
    of file: File, from position: Int64, to end: Int64, nextOffset: Int64?, verifyingChecksum: Bool = true,
    _ body: (BatchFrame, Int64) -> Void
  ) throws(FileError) -> Int64 {
    var expected = nextOffset
    var position = position
    var unsynced: Int?
    while position < end {
      chunk.removeAll()
      try file.read(Int(min(Int64(Self.chunkBytes), end - position)), at: position, into: &chunk)
      let bytes = chunk.bytes
      var start = 0
      while let frame = BatchFrame(bytes, at: start, byteCountMax: Limits.batchBytesMax),
        frame.byteCount <= bytes.byteCount - start,
        expected == nil || frame.baseOffset == expected, frame.isDense || mayHaveGaps,
        frame.isInPlace(at: position + Int64(start), after: unsynced),
        !verifyingChecksum || frame.isIntact(bytes, at: start)
      {
        body(frame, position + Int64(start))
        expected = frame.lastOffset + 1
        unsynced = frame.unsyncedBytes + frame.byteCount
        start += frame.byteCount
      }
      // No whole batch at the start of a full chunk, or none at all: this is the end of what is valid.
      if start == 0 { return position }
      position += Int64(start)
    }
    return position
  }

  /// The place of the first intact batch after `position` that could be a later one of the same segment; with
  /// `writtenAfter`, the first one that was written after all before that byte was on disk.
  mutating func laterBatch(
    of file: File, after position: Int64, to end: Int64, nextOffset: Int64, writtenAfter durable: Int64? = nil
  ) throws(FileError) -> Int64? {
    var position = position
    while position < end {
      chunk.removeAll()
      try file.read(Int(min(Int64(Self.chunkBytes), end - position)), at: position, into: &chunk)
      let bytes = chunk.bytes
      let isLast = position + Int64(bytes.byteCount) >= end || bytes.byteCount < Self.chunkBytes
      // What begins in the last part may not be whole in this chunk: it is looked at again with the next one.
      let stop = isLast ? bytes.byteCount : bytes.byteCount - Limits.batchBytesMax
      for start in 0..<stop {
        guard let frame = BatchFrame(bytes, at: start, byteCountMax: Limits.batchBytesMax),
          frame.baseOffset >= nextOffset, frame.isDense || mayHaveGaps, frame.isIntact(bytes, at: start)
        else { continue }
        if let durable, position + Int64(start - frame.unsyncedBytes) < durable { continue }
        return position + Int64(start)
      }
      if isLast { return nil }
      position += Int64(stop)
    }
    return nil
  }
}
