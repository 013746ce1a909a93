// Makes a partition of batches from elsewhere, offsets and all, in a directory where no log looks until it is whole.

internal import Codecs
internal import Core

/// Writes one new partition. What it was given is a partition only after `finish()`; its owner then moves the directory
/// to its place. Errors: `.invalidBatch` for what cannot be taken; nothing may follow an error.
package struct PartitionImport<Files: LogFiles>: ~Copyable {
  private let files: Files
  private let directory: String
  private let options: LogOptions
  private var manifest: PartitionManifest
  private var segment: WritableSegment<Files>?
  private var records = RecordBatchReader()
  /// The offset that the next batch must begin with.
  package private(set) var nextOffset: Int64

  /// The partition will begin with `startOffset`; nil takes that of the first batch.
  package init(
    files: Files, directory: String, settings: TopicSettings, index: Int, startOffset: Int64?, options: LogOptions
  ) throws(LogError) {
    self.files = files
    self.directory = directory
    self.options = options
    manifest = PartitionManifest(settings: settings, index: index, epoch: .random(in: 1...UInt32.max))
    nextOffset = startOffset ?? -1
    try onDisk { () throws(FileError) in try files.makeDirectory(directory) }
  }

  /// Takes the batch that `bytes` begin with, whose records must decode and go on where the last one ended. Returns its
  /// size.
  package mutating func append(_ bytes: RawSpan) throws(LogError) -> Int {
    guard let frame = BatchFrame(bytes, byteCountMax: Limits.batchBytesMax) else {
      throw .invalidBatch("no record batch of format 2 begins here")
    }
    guard frame.byteCount <= bytes.byteCount else {
      throw .invalidBatch("a batch of \(frame.byteCount) bytes, of which only \(bytes.byteCount) are there")
    }
    guard frame.isIntact(bytes, at: 0) else { throw .invalidBatch("the checksum does not match") }
    if nextOffset < 0 { nextOffset = frame.baseOffset }
    guard frame.baseOffset == nextOffset else {
      throw .invalidBatch("offset \(frame.baseOffset) where \(nextOffset) must follow")
    }
    try checkRecords(bytes.extracting(0..<frame.byteCount), frame)
    try write(bytes.extracting(0..<frame.byteCount), frame)
    nextOffset = frame.lastOffset + 1
    return frame.byteCount
  }

  private mutating func checkRecords(_ bytes: RawSpan, _ frame: BatchFrame) throws(LogError) {
    var count = 0
    var newest = Int64.min
    var next = frame.baseOffset
    var isAscending = true
    do throws(CodecError) {
      try records.open(bytes, verifyingChecksum: false)
      try records.forEachRecord { (record: RecordView) throws(CodecError) in
        // A compacted batch has fewer records than offsets.
        isAscending = isAscending && record.offset >= next
        next = record.offset + 1
        newest = max(newest, record.timestampMillis)
        count += 1
      }
    } catch { throw .invalidBatch("a record does not decode: \(error)") }
    guard isAscending, count == frame.recordCount, count == 0 || newest == frame.maxTimestampMillis else {
      throw .invalidBatch("the records are not those that the batch's header tells of")
    }
  }

  private mutating func write(_ bytes: RawSpan, _ frame: BatchFrame) throws(LogError) {
    if let full = segment {
      // The indexes tell offsets as Int32, relative to the first.
      let isFar = frame.lastOffset - full.index.baseOffset > Int64(Int32.max)
      let isFull = full.byteCount + Int64(frame.byteCount) > options.segmentBytes
      if isFar || isFull || (full.names.generation == 0 && !frame.isDense) { try seal() }
    }
    var open: WritableSegment<Files>
    if let segment {
      open = segment
    } else {
      // Only compaction leaves gaps: elsewhere whoever reads calls them damage.
      open = try begin(at: frame.baseOffset, generation: frame.isDense ? 0 : 1)
    }
    let position = open.byteCount
    let file = open.file
    do throws(FileError) { try file.write(bytes, at: position) } catch { throw error.logError }
    open.index.add(frame, at: position)
    open.byteCount += Int64(frame.byteCount)
    segment = open
  }

  private func begin(at offset: Int64, generation: UInt32 = 0) throws(LogError) -> WritableSegment<Files> {
    try onDisk { () throws(FileError) in
      try WritableSegment(
        creating: files, directory: directory, baseOffset: offset, generation: generation,
        intervalBytes: options.indexIntervalBytes)
    }
  }

  private mutating func seal() throws(LogError) {
    guard var full = segment else { return }
    let end = nextOffset
    manifest.sealed.append(
      try onDisk { () throws(FileError) in try full.seal(endOffset: end, appendedMillis: files.wallMillis) })
    segment = nil
  }

  /// Makes all that was taken a partition, durable.
  package mutating func finish() throws(LogError) {
    if nextOffset < 0 { nextOffset = 0 }
    var last: WritableSegment<Files>
    if let segment { last = segment } else { last = try begin(at: nextOffset) }
    manifest.startOffset = manifest.sealed.first?.baseOffset ?? last.index.baseOffset
    manifest.activeBaseOffset = last.index.baseOffset
    manifest.activeGeneration = last.names.generation
    manifest.activeSinceMillis = files.wallMillis
    manifest.lastGeneration = max(manifest.activeGeneration, manifest.sealed.map(\.generation).max() ?? 0)
    let whole = manifest
    do throws(FileError) {
      try last.sync()
      try files.syncDirectory(directory)
      try PartitionRecovery(files: files, directory: directory, options: options).store(whole)
    } catch { throw error.logError }
  }
}
