// Compaction: sealed segments written anew with only the newest record of each key.

internal import Codecs
internal import Core

/// What a compaction made, to be put in place of what it was made from.
struct CleanedSegments: Sendable {
  var epoch: UInt32
  var replaced: [SegmentSeal]
  var seals: [SegmentSeal]
  var compactedEnd: Int64
  var generation: UInt32
}

/// Writes the compacted copy of a partition's first segments. It reads sealed segments and writes files that nothing
/// names yet, so it needs no lock and may run beside writer and readers, and be given up at any moment.
///
/// What is kept: each key's newest record, at its own offset; records without a key; tombstones until their horizon,
/// which they get when they are compacted for the first time. Batches cover the offsets of what is gone, so that a
/// missing batch is still noticed.
struct SegmentCleaner<Files: LogFiles>: ~Copyable {
  let files: Files
  let directory: String
  let options: LogOptions
  private let policy: CompactionPolicy
  private let nowMillis: Int64
  /// Asked before each piece of work; true ends it with `.closed`.
  private let isCancelled: () -> Bool

  private var pending = SparseBatchWriter()
  private var batch = ByteWriter(capacity: 64)
  private var output: WritableSegment<Files>?
  private var outputAppendedMillis: Int64 = 0
  private var cleaned = CleanedSegments(epoch: 0, replaced: [], seals: [], compactedEnd: 0, generation: 0)

  init(
    files: Files, directory: String, options: LogOptions, policy: CompactionPolicy, isCancelled: @escaping () -> Bool
  ) {
    self.files = files
    self.directory = directory
    self.options = options
    self.policy = policy
    self.isCancelled = isCancelled
    nowMillis = files.wallMillis
  }

  /// The segments below `limit` that are old enough, compacted; nil while too few of their bytes are new. On an error
  /// what was written so far is removed.
  mutating func clean(_ manifest: PartitionManifest, below limit: Int64) throws(LogError) -> CleanedSegments? {
    let candidates = manifest.sealed.prefix {
      $0.endOffset <= limit && nowMillis - $0.appendedMillis >= policy.afterMillis
    }
    let dirty = candidates.filter { $0.endOffset > manifest.compactedEnd }
    let (dirtyBytes, allBytes) = (dirty.reduce(0) { $0 + $1.byteCount }, candidates.reduce(0) { $0 + $1.byteCount })
    guard dirtyBytes > 0, dirtyBytes >= allBytes / 100 * Int64(policy.dirtyPercent) else { return nil }
    cleaned.generation = manifest.lastGeneration + 1
    cleaned.epoch = manifest.epoch
    do throws(LogError) {
      var newest = NewestOffsets(keysMax: options.compactionKeysMax)
      let end = try note(dirty, of: manifest, in: &newest)
      cleaned.replaced = candidates.filter { $0.baseOffset < end }
      cleaned.compactedEnd = end
      guard let first = cleaned.replaced.first else { return nil }
      pending.begin(at: first.baseOffset)
      for seal in cleaned.replaced { try copy(seal, of: manifest, newest) }
      let endOffset = cleaned.replaced.last?.endOffset ?? end
      try flush(before: endOffset)
      try onDisk { () throws(FileError) in
        try seal(endOffset: endOffset)
        try files.syncDirectory(directory)
      }
      return cleaned
    } catch {
      abandon(cleaned)
      throw error
    }
  }

  /// Removes what a compaction wrote that nobody wants.
  func abandon(_ cleaned: CleanedSegments) {
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    for seal in cleaned.seals {
      let names = SegmentNames(directory: directory, baseOffset: seal.baseOffset, generation: seal.generation)
      // What stays is removed when the log is opened the next time.
      try? recovery.removeSegment(names)
    }
    if let output { try? recovery.removeSegment(output.names) }
  }

  /// Notes the newest offset of each key that was never compacted. Returns the offset up to which there was room.
  private func note(
    _ seals: [SegmentSeal], of manifest: PartitionManifest, in newest: inout NewestOffsets
  ) throws(LogError) -> Int64 {
    for seal in seals {
      var batches = try SealedBatches(files: files, names: manifest.names(seal, in: directory), seal: seal)
      while try batches.next() != nil {
        if isCancelled() { throw .closed }
        if let full = try Self.note(batches.records, from: manifest.compactedEnd, in: &newest) { return full }
      }
    }
    return seals.last?.endOffset ?? 0
  }

  private static func note(
    _ records: RecordCursor, from start: Int64, in newest: inout NewestOffsets
  ) throws(LogError) -> Int64? {
    var records = records
    while try advance(&records) {
      let record = records.record
      guard record.hasKey, record.offset >= start else { continue }
      if !newest.note(record.key, offset: record.offset) { return record.offset }
    }
    return nil
  }

  // MARK: Writing

  private mutating func copy(
    _ seal: SegmentSeal, of manifest: PartitionManifest, _ newest: borrowing NewestOffsets
  ) throws(LogError) {
    outputAppendedMillis = seal.appendedMillis
    var batches = try SealedBatches(files: files, names: manifest.names(seal, in: directory), seal: seal)
    while let header = try batches.next() {
      if isCancelled() { throw .closed }
      // A batch tells its offsets as Int32, relative to the first.
      if header.lastOffset - pending.baseOffset >= Int64(Int32.max) { try flush(before: header.baseOffset) }
      try copy(batches.records, header, newest)
    }
  }

  private mutating func copy(
    _ records: RecordCursor, _ header: RecordBatchHeader, _ newest: borrowing NewestOffsets
  ) throws(LogError) {
    var records = records
    let horizonMillis = header.tombstoneHorizonMillis ?? nowMillis + policy.tombstoneMillis
    while try Self.advance(&records) {
      let record = records.record
      if record.hasKey, let newer = newest.offset(of: record.key), newer > record.offset { continue }
      // What lies beyond the stretch that was noted stays as it is.
      if record.hasKey, !record.hasValue, record.offset < cleaned.compactedEnd {
        if let horizonMillis = header.tombstoneHorizonMillis, horizonMillis <= nowMillis { continue }
        // One horizon for each batch: a tombstone must not wait for those that come after it.
        if pending.horizonMillis != horizonMillis { try flush(before: record.offset, horizonMillis: horizonMillis) }
      }
      if pending.byteCount >= Limits.logCompactionBatchBytes || pending.recordCount >= Limits.batchRecordsMax {
        try flush(before: record.offset, horizonMillis: pending.horizonMillis)
      }
      pending.append(records)
    }
  }

  @_lifetime(records: copy records)
  private static func advance(_ records: inout RecordCursor) throws(LogError) -> Bool {
    do throws(CodecError) {
      return try records.advance()
    } catch { throw .invalidBatch("a stored batch does not decode: \(error)") }
  }

  /// Writes the pending batch, which covers all offsets before `offset`, and begins the next one there.
  private mutating func flush(before offset: Int64, horizonMillis: Int64? = nil) throws(LogError) {
    defer { pending.begin(at: offset, horizonMillis: horizonMillis) }
    guard offset > pending.baseOffset else { return }
    let (base, last) = (pending.baseOffset, offset - 1)
    pending.finish(lastOffset: last, into: &batch)
    try onDisk { () throws(FileError) in try write(baseOffset: base, lastOffset: last) }
  }

  private mutating func write(baseOffset: Int64, lastOffset: Int64) throws(FileError) {
    if let output {
      let isFull = output.byteCount + Int64(batch.count) > options.segmentBytes
      if isFull || lastOffset - output.index.baseOffset > Int64(Int32.max) { try seal(endOffset: baseOffset) }
    }
    if output == nil {
      output = try WritableSegment(
        creating: files, directory: directory, baseOffset: baseOffset, generation: cleaned.generation,
        intervalBytes: options.indexIntervalBytes)
    }
    guard let frame = BatchFrame(batch.bytes, byteCountMax: Limits.batchBytesMax) else {
      throw FileError(code: 0, operation: "compaction made a batch of \(batch.count) bytes in \(directory)")
    }
    try Self.append(batch, frame, to: &output)
  }

  private static func append(
    _ batch: borrowing ByteWriter, _ frame: BatchFrame, to output: inout WritableSegment<Files>?
  ) throws(FileError) {
    try output?.append(batch.bytes, frame)
  }

  private mutating func seal(endOffset: Int64) throws(FileError) {
    guard let seal = try output?.seal(endOffset: endOffset, appendedMillis: outputAppendedMillis) else { return }
    cleaned.seals.append(seal)
    output = nil
  }
}
