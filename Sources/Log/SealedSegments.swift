// Sealed segments that are being read: opened when needed, a bounded number at a time.

internal import Codecs
internal import Core
internal import Synchronization

/// A sealed segment's open file and its indexes. Readers keep it alive while they use it, whatever the cache drops.
final class SealedSegment<Files: LogFiles>: Sendable {
  let path: String
  let file: Files.File
  let index: SegmentIndex

  /// Opens the segment; indexes that are missing or not those that were sealed are made again from the segment.
  init(files: Files, directory: String, seal: SegmentSeal, options: LogOptions) throws(LogError) {
    let names = SegmentNames(directory: directory, baseOffset: seal.baseOffset, generation: seal.generation)
    path = names.log
    do throws(FileError) {
      file = try files.open(names.log, .read)
    } catch {
      if error.isMissing { throw .corrupt(file: names.log, byte: 0, reason: "the segment is missing") }
      throw error.logError
    }
    if let stored = Self.storedIndex(files, names, seal, options) {
      index = stored
      return
    }
    index = try Self.rebuiltIndex(file, path, seal, options)
    // Best effort: a reader may have no right to write here, and the next one can build it again.
    try? index.write(files: files, names: names)
  }

  private static func storedIndex(
    _ files: Files, _ names: SegmentNames, _ seal: SegmentSeal, _ options: LogOptions
  ) -> SegmentIndex? {
    guard let offsets = try? files.contents(names.index, byteCountMax: Limits.logIndexBytesMax),
      let times = try? files.contents(names.timeIndex, byteCountMax: Limits.logIndexBytesMax),
      unsafe CRC32C.checksum(offsets.span.bytes) == seal.indexChecksum,
      unsafe CRC32C.checksum(times.span.bytes) == seal.timeIndexChecksum
    else { return nil }
    return unsafe SegmentIndex(
      baseOffset: seal.baseOffset, intervalBytes: options.indexIntervalBytes, offsets: offsets.span.bytes,
      times: times.span.bytes, byteCount: seal.byteCount)
  }

  private static func rebuiltIndex(
    _ file: Files.File, _ path: String, _ seal: SegmentSeal, _ options: LogOptions
  ) throws(LogError) -> SegmentIndex {
    var index = SegmentIndex(baseOffset: seal.baseOffset, intervalBytes: options.indexIntervalBytes)
    var scan = SegmentScan<Files.File>(mayHaveGaps: seal.generation > 0)
    let end: Int64
    do throws(FileError) {
      end = try scan.forEachBatch(of: file, from: 0, to: seal.byteCount, nextOffset: seal.baseOffset) {
        frame, position in
        index.add(frame, at: position)
      }
    } catch { throw error.logError }
    guard end == seal.byteCount else {
      throw .corrupt(file: path, byte: end, reason: "no valid batch of this segment")
    }
    index.seal()
    return index
  }
}

/// What the readers of a log share: its open sealed segments, the one used last in front, and buffers.
final class SealedSegments<Files: LogFiles>: Sendable {
  private struct Cache {
    var segments: [SealedSegment<Files>] = []
    /// Counts `forget`: what was opened before one may be what is to be forgotten.
    var forgets = 0
  }

  let lookUpBuffers = LookUpBuffers()
  private let open = Mutex(Cache())
  private let files: Files
  private let options: LogOptions

  init(files: Files, options: LogOptions) {
    self.files = files
    self.options = options
  }

  func segment(_ seal: SegmentSeal, in directory: String) throws(LogError) -> SealedSegment<Files> {
    let path = SegmentNames(directory: directory, baseOffset: seal.baseOffset, generation: seal.generation).log
    let (found, forgets) = open.withLock { ($0.segments.useFirst { $0.path == path }, $0.forgets) }
    if let found { return found }
    // Opened outside the lock: two readers may do it at once, and one of the two is dropped.
    let opened = try opened(seal, in: directory)
    open.withLock { open in
      guard open.forgets == forgets else { return }
      open.segments.insert(opened, at: 0)
      if open.segments.count > options.openSegmentsMax { open.segments.removeLast() }
    }
    return opened
  }

  /// Where no more files can be open, those that nobody reads right now give way.
  private func opened(_ seal: SegmentSeal, in directory: String) throws(LogError) -> SealedSegment<Files> {
    do throws(LogError) {
      return try SealedSegment(files: files, directory: directory, seal: seal, options: options)
    } catch .outOfDescriptors {
      open.withLock { $0.segments = [] }
      return try SealedSegment(files: files, directory: directory, seal: seal, options: options)
    }
  }

  /// Forgets the segments of a partition, because they are about to be cut or deleted.
  func forget(directory: String) {
    open.withLock { open in
      open.segments.removeAll { $0.path.hasPrefix(directory + "/") }
      open.forgets += 1
    }
  }
}

extension Array {
  /// The first element that matches, moved to the front.
  fileprivate mutating func useFirst(where matches: (Element) -> Bool) -> Element? {
    guard let place = firstIndex(where: matches) else { return nil }
    let element = self[place]
    if place > 0 {
      remove(at: place)
      insert(element, at: 0)
    }
    return element
  }
}

extension SegmentIndex {
  mutating func add(_ frame: BatchFrame, at position: Int64) {
    add(
      lastOffset: frame.lastOffset, maxTimestampMillis: frame.maxTimestampMillis, position: position,
      byteCount: frame.byteCount)
  }

  /// Writes both files anew.
  func write<Files: LogFiles>(files: Files, names: SegmentNames) throws(FileError) {
    var writer = ByteWriter()
    encodeOffsets(from: 0, into: &writer)
    try files.open(names.index, .create).write(writer.bytes, at: 0)
    writer.removeAll()
    encodeTimes(from: 0, into: &writer)
    try files.open(names.timeIndex, .create).write(writer.bytes, at: 0)
  }
}
