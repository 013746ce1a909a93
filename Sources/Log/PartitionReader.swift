// The reading side of a partition: what is published, and how it is read by any thread while the writer goes on.

internal import Codecs
internal import Core
internal import Synchronization

/// The last segment, the only one that grows.
struct ActiveSegment<File: LogFile> {
  var path: String
  var file: File
  var index: SegmentIndex
  /// The bytes that hold records below the high watermark.
  var publishedBytes: Int64
}

/// What readers know of a partition.
struct PartitionState<File: LogFile> {
  var manifest: PartitionManifest
  var highWatermark: Int64
  var active: ActiveSegment<File>
  /// Counts truncations, resets and segments that went: what a reader found before one may be gone after it.
  var cuts = 0
  /// Where the last reads ended, so that a sequential reader needs no index: offset, segment, byte.
  var recentEnds: [(offset: Int64, segment: Int64, position: Int64)] = []
  var recentEndNext = 0
}

/// Publishes and reads one partition. Safe from any thread; file access is outside the lock.
final class PartitionReader<Files: LogFiles>: Sendable {
  private static var recentEndsMax: Int { 16 }

  let directory: String
  private let state: Mutex<PartitionState<Files.File>>
  private let sealedSegments: SealedSegments<Files>
  /// Looks whether the writer in another process changed the segments, where that is how this is told.
  private let reload: (@Sendable () throws(LogError) -> Bool)?
  private let storedHighWatermark: Atomic<Int64>
  private let storedEpoch: Atomic<UInt32>

  init(
    directory: String, state: PartitionState<Files.File>, sealedSegments: SealedSegments<Files>,
    reload: (@Sendable () throws(LogError) -> Bool)? = nil
  ) {
    self.directory = directory
    self.reload = reload
    self.state = Mutex(state)
    self.sealedSegments = sealedSegments
    storedHighWatermark = Atomic(state.highWatermark)
    storedEpoch = Atomic(state.manifest.epoch)
  }

  var highWatermark: Int64 { storedHighWatermark.load(ordering: .acquiring) }
  var epoch: UInt32 { storedEpoch.load(ordering: .acquiring) }
  var startOffset: Int64 { state.withLock { $0.manifest.startOffset } }

  /// The segments that readers may see.
  var manifest: PartitionManifest { state.withLock { $0.manifest } }

  /// What a follower of another process's log goes on from.
  var last: (revision: UInt64, file: Files.File, bytes: Int64, highWatermark: Int64) {
    state.withLock { ($0.manifest.revision, $0.active.file, $0.active.publishedBytes, $0.highWatermark) }
  }

  /// Changes what readers see, in one step.
  func publish(_ change: (inout PartitionState<Files.File>) -> Void) {
    state.withLock { state in
      change(&state)
      storedEpoch.store(state.manifest.epoch, ordering: .releasing)
      storedHighWatermark.store(state.highWatermark, ordering: .releasing)
    }
  }

  /// Changes what readers see after the history was cut, so that no open file or position of before is used.
  func publishCut(_ change: (inout PartitionState<Files.File>) -> Void) {
    publish { state in
      change(&state)
      state.cuts += 1
      state.recentEnds = []
      state.recentEndNext = 0
    }
    sealedSegments.forget(directory: directory)
  }

  // MARK: Reading by offset

  /// See `PartitionLog.read`.
  func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool {
    while true {
      let start = buffer.count
      let (found, cuts) = try place(of: offset)
      guard let found else { return false }
      do throws(LogError) {
        let segment = try open(found)
        let (position, baseOffset) = try batch(containing: offset, in: segment, from: found)
        let end = try copy(segment, from: position, baseOffset: baseOffset, found, maxBytes, into: &buffer)
        remember(end, segment: found.segment, cuts: cuts)
        return true
      } catch {
        // The segment was cut or let go while we read it: look again.
        buffer.truncate(to: start)
        guard try hasChanged(since: cuts) else { throw error }
      }
    }
  }

  /// Whether segments came or went, so that an error may only mean that they are no longer where they were.
  private func hasChanged(since cuts: Int) throws(LogError) -> Bool {
    if state.withLock({ $0.cuts }) != cuts { return true }
    return try reload?() ?? false
  }

  /// The batch that holds `offset`, and where it begins in its segment. Not found at the high watermark.
  func readBatch(
    containing offset: Int64, into buffer: inout ByteWriter
  ) throws(LogError) -> (position: Int64, isFound: Bool) {
    let (found, _) = try place(of: offset)
    guard let found else { return (0, false) }
    let segment = try open(found)
    let (position, baseOffset) = try batch(containing: offset, in: segment, from: found)
    _ = try copy(segment, from: position, baseOffset: baseOffset, found, 0, into: &buffer)
    return (position, true)
  }

  /// A segment and a byte of it from which to look.
  private struct Place {
    enum Source {
      case active(path: String, file: Files.File)
      case sealed(SegmentSeal)
    }
    var source: Source
    var segment: Int64
    /// The first byte to look at, if the active segment's index or an earlier read told it.
    var position: Int64?
    /// Whether the batch at `position` begins with the wanted offset.
    var isExact = false
    var end: Int64
    var highWatermark: Int64
    /// Compaction wrote it.
    var mayHaveGaps: Bool
  }

  /// An open segment.
  private struct OpenSegment {
    var path: String
    var file: Files.File
    var index: SegmentIndex?
  }

  private func place(of offset: Int64) throws(LogError) -> (Place?, cuts: Int) {
    try state.withLock { state throws(LogError) -> (Place?, cuts: Int) in
      guard offset >= state.manifest.startOffset else { throw .beforeStart(earliest: state.manifest.startOffset) }
      guard offset <= state.highWatermark else { throw .afterEnd(end: state.highWatermark) }
      guard offset < state.highWatermark else { return (nil, state.cuts) }
      var place: Place
      if offset >= state.active.index.baseOffset {
        place = Self.activePlace(state)
        place.position = state.active.index.position(of: offset)
      } else {
        let after = state.manifest.sealed.partitioningIndex { $0.baseOffset > offset }
        guard after > 0 else { throw .beforeStart(earliest: state.manifest.startOffset) }
        place = Self.sealedPlace(state.manifest.sealed[after - 1], state)
      }
      if let end = state.recentEnds.first(where: { $0.offset == offset && $0.segment == place.segment }) {
        place.position = end.position
        place.isExact = true
      }
      return (place, state.cuts)
    }
  }

  private static func activePlace(_ state: PartitionState<Files.File>) -> Place {
    Place(
      source: .active(path: state.active.path, file: state.active.file), segment: state.active.index.baseOffset,
      position: nil, end: state.active.publishedBytes, highWatermark: state.highWatermark,
      mayHaveGaps: state.manifest.activeGeneration > 0)
  }

  private static func sealedPlace(_ seal: SegmentSeal, _ state: PartitionState<Files.File>) -> Place {
    Place(
      source: .sealed(seal), segment: seal.baseOffset, position: nil, end: seal.byteCount,
      highWatermark: state.highWatermark, mayHaveGaps: seal.generation > 0)
  }

  private func open(_ place: Place) throws(LogError) -> OpenSegment {
    switch place.source {
    case .active(let path, let file): return OpenSegment(path: path, file: file, index: nil)
    case .sealed(let seal):
      let sealed = try sealedSegments.segment(seal, in: directory)
      return OpenSegment(path: sealed.path, file: sealed.file, index: sealed.index)
    }
  }

  /// Where the batch that holds `offset` begins, and its base offset.
  private func batch(
    containing offset: Int64, in segment: OpenSegment, from place: Place
  ) throws(LogError) -> (position: Int64, baseOffset: Int64) {
    if place.isExact, let position = place.position { return (position, offset) }
    let position = place.position ?? segment.index?.position(of: offset) ?? 0
    do throws(LogError) {
      return try walk(to: offset, in: segment, from: position, expected: position == 0 ? place.segment : nil, place)
    } catch {
      // An index that points at no batch is only an index: the segment itself is the truth.
      guard position > 0 else { throw error }
      return try walk(to: offset, in: segment, from: 0, expected: place.segment, place)
    }
  }

  private func walk(
    to offset: Int64, in segment: OpenSegment, from start: Int64, expected: Int64?, _ place: Place
  ) throws(LogError) -> (position: Int64, baseOffset: Int64) {
    var headers = ByteWriter(capacity: 2 * Limits.logIndexIntervalBytes)
    var expected = expected
    var position = start
    while position < place.end {
      headers.removeAll()
      let count = min(Int64(2 * Limits.logIndexIntervalBytes), place.end - position)
      do throws(FileError) { try segment.file.read(Int(count), at: position, into: &headers) } catch {
        throw error.logError
      }
      var next = 0
      while headers.count - next >= BatchFrame.headerBytes || next == 0 {
        guard let frame = BatchFrame(headers.bytes, at: next, byteCountMax: Limits.batchBytesMax),
          frame.baseOffset == expected ?? frame.baseOffset, frame.baseOffset <= offset
        else { throw corrupt(segment, position + Int64(next)) }
        if frame.lastOffset >= offset { return (position + Int64(next), frame.baseOffset) }
        expected = frame.lastOffset + 1
        next += frame.byteCount
      }
      position += Int64(next)
    }
    throw corrupt(segment, place.end)
  }

  /// Appends whole batches from `position` on, the first of which begins with `baseOffset`. Returns where they end.
  private func copy(
    _ segment: OpenSegment, from position: Int64, baseOffset: Int64, _ place: Place, _ maxBytes: Int,
    into buffer: inout ByteWriter
  ) throws(LogError) -> (offset: Int64, position: Int64) {
    let start = buffer.count
    let available = Int(min(place.end - position, Int64(Int32.max)))
    var wanted = min(max(maxBytes, BatchFrame.headerBytes), available)
    var whole = 0
    var next = baseOffset
    var unsynced: Int?
    while true {
      do throws(FileError) {
        try segment.file.read(
          wanted - (buffer.count - start), at: position + Int64(buffer.count - start), into: &buffer)
      } catch { throw error.logError }
      let count = buffer.count - start
      let isShort = count < wanted
      while whole < count, next < place.highWatermark {
        let bytes = buffer.bytes
        guard let frame = BatchFrame(bytes, at: start + whole, byteCountMax: Limits.batchBytesMax) else {
          if count - whole < BatchFrame.headerBytes, count == wanted, wanted < available { break }
          throw corrupt(segment, position + Int64(whole))
        }
        guard frame.baseOffset == next, frame.isDense || place.mayHaveGaps,
          frame.isInPlace(at: position + Int64(whole), after: unsynced)
        else {
          throw corrupt(segment, position + Int64(whole))
        }
        if frame.byteCount > count - whole {
          guard whole + frame.byteCount <= available, count == wanted else {
            throw corrupt(segment, position + Int64(whole))
          }
          // The first batch is handed out whole, however large.
          if whole == 0 { wanted = frame.byteCount }
          break
        }
        guard frame.isIntact(bytes, at: start + whole) else {
          throw corrupt(segment, position + Int64(whole), "the checksum does not match")
        }
        next = frame.lastOffset + 1
        unsynced = frame.unsyncedBytes + frame.byteCount
        whole += frame.byteCount
      }
      if whole > 0 { break }
      // The file ends before what was published: asking again would be asked forever.
      if isShort { throw corrupt(segment, position + Int64(count), "the segment ends here") }
    }
    buffer.truncate(to: start + whole)
    return (next, position + Int64(whole))
  }

  private func corrupt(_ segment: OpenSegment, _ byte: Int64, _ reason: String = "no batch of this segment") -> LogError
  {
    .corrupt(file: segment.path, byte: byte, reason: reason)
  }

  private func remember(_ end: (offset: Int64, position: Int64), segment: Int64, cuts: Int) {
    state.withLock { state in
      guard state.cuts == cuts else { return }
      let entry = (offset: end.offset, segment: segment, position: end.position)
      if state.recentEnds.count < Self.recentEndsMax {
        state.recentEnds.append(entry)
      } else {
        state.recentEnds[state.recentEndNext] = entry
        state.recentEndNext = (state.recentEndNext + 1) % Self.recentEndsMax
      }
    }
  }

  // MARK: Reading by time

  /// See `PartitionLog.offset(atOrAfter:)`. Segments whose largest timestamp is smaller are passed over; in the first
  /// other one, no batch before the time index's entry holds such a record, and the batches after it are looked at.
  func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64 {
    while true {
      let (candidate, highWatermark, cuts) = firstSegment(reaching: timestampMillis)
      guard let (place, activeStart) = candidate else { return highWatermark }
      do throws(LogError) {
        let segment = try open(place)
        let from = activeStart ?? segment.index?.offset(atOrAfter: timestampMillis) ?? place.segment
        return try sealedSegments.lookUpBuffers.withBuffers { buffer, records throws(LogError) in
          try firstRecord(atOrAfter: timestampMillis, from: from, &buffer, &records)
        } ?? highWatermark
      } catch {
        guard try hasChanged(since: cuts) else { throw error }
      }
    }
  }

  private func firstSegment(
    reaching timestampMillis: Int64
  ) -> (candidate: (Place, activeStart: Int64?)?, highWatermark: Int64, cuts: Int) {
    state.withLock { state in
      for seal in state.manifest.sealed where seal.maxTimestampMillis >= timestampMillis {
        return ((Self.sealedPlace(seal, state), nil), state.highWatermark, state.cuts)
      }
      guard state.active.index.maxTimestampMillis >= timestampMillis else {
        return (nil, state.highWatermark, state.cuts)
      }
      let start = state.active.index.offset(atOrAfter: timestampMillis)
      return ((Self.activePlace(state), start), state.highWatermark, state.cuts)
    }
  }

  private func firstRecord(
    atOrAfter timestampMillis: Int64, from start: Int64, _ buffer: inout ByteWriter,
    _ records: inout RecordBatchReader
  ) throws(LogError) -> Int64? {
    let earliest = startOffset
    var offset = max(start, earliest)
    while true {
      buffer.removeAll()
      guard offset < highWatermark,
        try read(from: offset, maxBytes: 2 * Limits.logIndexIntervalBytes, into: &buffer)
      else { return nil }
      var next = 0
      while next < buffer.count {
        let bytes = buffer.bytes.extracting(droppingFirst: next)
        guard let frame = BatchFrame(bytes, byteCountMax: Limits.batchBytesMax) else { return nil }
        if frame.maxTimestampMillis >= timestampMillis {
          // An index entry names the last record of its batch; the wanted one may be an earlier one of it.
          if let found = try records.firstOffset(in: bytes, atOrAfter: timestampMillis, notBefore: earliest) {
            return found
          }
        }
        offset = frame.lastOffset + 1
        next += frame.byteCount
      }
    }
  }
}

extension RecordBatchReader {
  /// The offset of the batch's first record that is neither before the time nor before the offset.
  fileprivate mutating func firstOffset(
    in bytes: RawSpan, atOrAfter timestampMillis: Int64, notBefore offset: Int64
  ) throws(LogError) -> Int64? {
    do throws(CodecError) {
      try open(bytes, verifyingChecksum: false)
      var cursor = records
      while try cursor.advance() {
        let record = cursor.record
        if record.timestampMillis >= timestampMillis, record.offset >= offset { return record.offset }
      }
      return nil
    } catch { throw .invalidBatch("a stored batch does not decode: \(error)") }
  }
}
