// The sparse indexes of one segment: from an offset to a byte, and from a time to an offset.

internal import Codecs

/// Both indexes of a segment, in memory and in the formats of Kafka's `.index` and `.timeindex` files.
///
/// An offset entry says: the batch that ends with this offset begins at this byte. A time entry says: up to and
/// including the batch that ends with this offset no timestamp is larger than this one, and that batch holds it. Time
/// entries grow strictly, whatever the order of the records' timestamps.
struct SegmentIndex {
  struct OffsetEntry: Equatable {
    var relativeOffset: Int32
    var position: Int32
  }
  struct TimeEntry: Equatable {
    var timestampMillis: Int64
    var relativeOffset: Int32
  }

  static let offsetEntryBytes = 8
  static let timeEntryBytes = 12

  let baseOffset: Int64
  private let intervalBytes: Int
  private(set) var offsets: [OffsetEntry] = []
  private(set) var times: [TimeEntry] = []
  /// The largest timestamp so far; Int64.min when the segment is empty.
  private(set) var maxTimestampMillis = Int64.min
  private var maxTimestampOffset: Int32 = 0
  private var bytesSinceEntry = 0

  init(baseOffset: Int64, intervalBytes: Int) {
    self.baseOffset = baseOffset
    self.intervalBytes = intervalBytes
  }

  /// Takes note of the batch at `position`, the next one of the segment.
  mutating func add(lastOffset: Int64, maxTimestampMillis timestamp: Int64, position: Int64, byteCount: Int) {
    let relative = Int32(truncatingIfNeeded: lastOffset - baseOffset)
    if timestamp > maxTimestampMillis {
      maxTimestampMillis = timestamp
      maxTimestampOffset = relative
    }
    if bytesSinceEntry > intervalBytes {
      offsets.append(OffsetEntry(relativeOffset: relative, position: Int32(truncatingIfNeeded: position)))
      addTime()
      bytesSinceEntry = 0
    }
    bytesSinceEntry += byteCount
  }

  /// Adds the segment's largest timestamp, so that the last time entry tells it.
  mutating func seal() { if maxTimestampMillis != .min { addTime() } }

  private mutating func addTime() {
    if let last = times.last, last.timestampMillis >= maxTimestampMillis { return }
    times.append(TimeEntry(timestampMillis: maxTimestampMillis, relativeOffset: maxTimestampOffset))
  }

  /// Where to begin to look for the batch that holds `offset`: at or before its first byte.
  func position(of offset: Int64) -> Int64 {
    let after = offsets.partitioningIndex { baseOffset + Int64($0.relativeOffset) > offset }
    return after == 0 ? 0 : Int64(offsets[after - 1].position)
  }

  /// Where to begin to look for the first record at or after the time: no earlier batch holds one.
  func offset(atOrAfter timestampMillis: Int64) -> Int64 {
    let after = times.partitioningIndex { $0.timestampMillis > timestampMillis }
    // Not behind it, though it is of an earlier time: an entry may be older than what was written in its batch's place.
    return after == 0 ? baseOffset : baseOffset + Int64(times[after - 1].relativeOffset)
  }

  /// Only the entries of batches that end before `offset`.
  func endingBefore(_ offset: Int64) -> SegmentIndex {
    var index = self
    index.offsets.removeAll { baseOffset + Int64($0.relativeOffset) >= offset }
    index.times.removeAll { baseOffset + Int64($0.relativeOffset) >= offset }
    return index
  }

  // MARK: Files

  func encodeOffsets(from first: Int, into writer: inout ByteWriter) {
    for entry in offsets[first...] {
      writer.append(bigEndian: entry.relativeOffset)
      writer.append(bigEndian: entry.position)
    }
  }

  func encodeTimes(from first: Int, into writer: inout ByteWriter) {
    for entry in times[first...] {
      writer.append(bigEndian: entry.timestampMillis)
      writer.append(bigEndian: entry.relativeOffset)
    }
  }

  /// Takes up the files of a segment of `byteCount` bytes; entries from the first impossible one on are dropped.
  init(baseOffset: Int64, intervalBytes: Int, offsets: RawSpan, times: RawSpan, byteCount: Int64) {
    self.init(baseOffset: baseOffset, intervalBytes: intervalBytes)
    self.offsets.reserveCapacity(offsets.byteCount / Self.offsetEntryBytes)
    self.times.reserveCapacity(times.byteCount / Self.timeEntryBytes)
    var reader = ByteReader(offsets)
    var last = OffsetEntry(relativeOffset: -1, position: 0)
    while let relative = try? reader.read(bigEndian: Int32.self),
      let position = try? reader.read(bigEndian: Int32.self),
      relative > last.relativeOffset, position > last.position, Int64(position) < byteCount
    {
      last = OffsetEntry(relativeOffset: relative, position: position)
      self.offsets.append(last)
    }
    reader = ByteReader(times)
    var lastTime = TimeEntry(timestampMillis: .min, relativeOffset: -1)
    while let timestamp = try? reader.read(bigEndian: Int64.self),
      let relative = try? reader.read(bigEndian: Int32.self),
      timestamp > lastTime.timestampMillis, relative > lastTime.relativeOffset
    {
      lastTime = TimeEntry(timestampMillis: timestamp, relativeOffset: relative)
      self.times.append(lastTime)
    }
    if let time = self.times.last {
      maxTimestampMillis = time.timestampMillis
      maxTimestampOffset = time.relativeOffset
    }
  }

  /// Forgets what is known beyond a byte from which the segment can be scanned again, and returns that byte: the last
  /// offset entry, but not after the last time entry, as nothing later is known to be no larger.
  mutating func rewindToLastCertainty() -> Int64 {
    let certain = times.last.map { baseOffset + Int64($0.relativeOffset) } ?? baseOffset - 1
    let kept = offsets.partitioningIndex { baseOffset + Int64($0.relativeOffset) > certain }
    offsets.removeSubrange(kept...)
    bytesSinceEntry = 0
    return Int64(offsets.last?.position ?? 0)
  }
}

extension Array {
  /// The index of the first element that is `after`; all those before it are not.
  func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
