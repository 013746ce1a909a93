// Holds the two index files of a segment against the batches of the segment itself.

internal import Codecs

/// Takes the batches of one segment in order; says which entries are wrong. An index that ends early is not wrong.
struct IndexCheck {
  private let baseOffset: Int64
  private let offsets: [SegmentIndex.OffsetEntry]
  private let times: [SegmentIndex.TimeEntry]
  private var nextOffset = 0
  private var nextTime = 0
  private var maxTimestampMillis = Int64.min
  /// Index file entries that do not hold: the first of each file.
  private(set) var wrongOffset: (entry: Int, reason: String)?
  private(set) var wrongTime: (entry: Int, reason: String)?

  /// `offsets` and `times` are the files' bytes; a last entry that is not whole is left out.
  init(baseOffset: Int64, offsets: [UInt8], times: [UInt8]) {
    self.baseOffset = baseOffset
    var entries: [SegmentIndex.OffsetEntry] = []
    var reader = unsafe ByteReader(offsets.span.bytes)
    while let relative = try? reader.read(bigEndian: Int32.self), let place = try? reader.read(bigEndian: Int32.self) {
      entries.append(SegmentIndex.OffsetEntry(relativeOffset: relative, position: place))
    }
    self.offsets = entries
    var timeEntries: [SegmentIndex.TimeEntry] = []
    reader = unsafe ByteReader(times.span.bytes)
    while let time = try? reader.read(bigEndian: Int64.self), let relative = try? reader.read(bigEndian: Int32.self) {
      timeEntries.append(SegmentIndex.TimeEntry(timestampMillis: time, relativeOffset: relative))
    }
    self.times = timeEntries
  }

  mutating func add(_ batch: StoredBatch) {
    maxTimestampMillis = max(maxTimestampMillis, batch.maxTimestampMillis)
    while wrongOffset == nil, nextOffset < offsets.count, Int64(offsets[nextOffset].position) <= batch.byte {
      let entry = offsets[nextOffset]
      if Int64(entry.position) != batch.byte {
        wrongOffset = (nextOffset, "no batch begins at byte \(entry.position)")
      } else if baseOffset + Int64(entry.relativeOffset) != batch.lastOffset {
        let found = baseOffset + Int64(entry.relativeOffset)
        wrongOffset = (nextOffset, "the batch at byte \(entry.position) ends with \(batch.lastOffset), not \(found)")
      }
      nextOffset += 1
    }
    while wrongTime == nil, nextTime < times.count {
      let entry = times[nextTime]
      let offset = baseOffset + Int64(entry.relativeOffset)
      guard offset <= batch.lastOffset else { return }
      if offset < batch.lastOffset {
        wrongTime = (nextTime, "no batch ends with offset \(offset)")
      } else if entry.timestampMillis != maxTimestampMillis {
        let reason =
          "up to offset \(offset) the largest timestamp is \(maxTimestampMillis), not \(entry.timestampMillis)"
        wrongTime = (nextTime, reason)
      }
      nextTime += 1
    }
  }

  /// After the last batch: entries that point behind it are wrong too.
  mutating func finish() {
    if wrongOffset == nil, nextOffset < offsets.count {
      wrongOffset = (nextOffset, "byte \(offsets[nextOffset].position) is behind the last batch")
    }
    if wrongTime == nil, nextTime < times.count {
      wrongTime = (nextTime, "offset \(baseOffset + Int64(times[nextTime].relativeOffset)) is behind the last batch")
    }
  }
}
