// Taking back what a derived partition holds, before it is generated again.

internal import Codecs
internal import Core

extension PartitionStore {
  /// Ends the partition at `offset`. Every moment in between is a state that recovery accepts and that holds all before
  /// `offset`: first the manifest names the cut segment as the last one, then the later ones are removed, then it is
  /// shortened, in one step also where the cut goes through a batch.
  func truncate(to offset: Int64) throws(LogError) {
    guard offset <= nextOffset else { throw .afterEnd(end: nextOffset) }
    guard offset >= manifest.startOffset else { throw .beforeStart(earliest: manifest.startOffset) }
    guard offset < nextOffset else {
      hasGap = false
      return
    }
    let (keptBytes, wholeEnd, head) = try headOfStraddlingBatch(endingAt: offset)
    var changed = manifest
    changed.sealed.removeAll { $0.endOffset > offset }
    let base = changed.sealed.last?.endOffset ?? manifest.startOffset
    let all = manifest.sealed.map { manifest.names($0, in: directory) } + [segment.names]
    let removed = all[(changed.sealed.count + 1)...]
    changed.activeBaseOffset = base
    changed.activeGeneration = all[changed.sealed.count].generation
    changed.compactedEnd = min(changed.compactedEnd, base)
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    let shortened = changed
    // An index that ends before the cut spares the scan of the whole segment.
    let index = try indexOfSegment(base).endingBefore(offset)
    let keptNames = shortened.activeNames(in: directory)
    let kept = ActiveSegment(
      path: keptNames.log, file: try onDisk { () throws(FileError) in try files.open(keptNames.log, .read) },
      index: index, publishedBytes: keptBytes)
    try onDisk { () throws(FileError) in try replaceManifest(shortened) }
    // From now on readers see the batches that stay whole, through a file whose first bytes nobody changes. Nothing
    // else of what they knew holds while segments are removed and shortened.
    let replaced = manifest
    reader.publishCut { state in
      state.manifest = replaced
      state.active = kept
      state.highWatermark = wholeEnd
    }
    try finishingCut { () throws(LogError) in
      try onDisk { () throws(FileError) in
        for names in removed { try recovery.removeSegment(names) }
        try files.syncDirectory(directory)
        try index.write(files: files, names: keptNames)
        try shorten(keptNames.log, to: keptBytes, adding: head)
      }
      try resume(endingAt: offset)
      // Again: readers in other processes may have looked in between.
      try onDisk { () throws(FileError) in try replaceManifest(manifest) }
    }
  }

  /// Cuts the segment and, if its last batch is only partly kept, puts `head` there: as a new file that takes the name,
  /// because there must be no moment without the records that `head` holds.
  private func shorten(_ path: String, to keptBytes: Int64, adding head: [UInt8]?) throws(FileError) {
    guard let head else {
      let file = try files.open(path, .update)
      try file.truncate(to: keptBytes)
      return try file.sync()
    }
    let old = try files.open(path, .read)
    let copy = try files.open(path + ".tmp", .create)
    var buffer = ByteWriter()
    var position: Int64 = 0
    while position < keptBytes {
      buffer.removeAll()
      try old.read(Int(min(keptBytes - position, Int64(Limits.logWriteBytes))), at: position, into: &buffer)
      try copy.write(buffer.bytes, at: position)
      position += Int64(buffer.count)
      if buffer.count == 0 { break }
    }
    try copy.write(unsafe head.span.bytes, at: position)
    try copy.sync()
    try files.rename(path + ".tmp", to: path)
    try files.syncDirectory(directory)
  }

  /// A cut that was begun and cannot be ended leaves a state that only opening anew repairs, so its failure is final,
  /// a full disk's too.
  private func finishingCut(_ body: () throws(LogError) -> Void) throws(LogError) {
    do throws(LogError) { try body() } catch { throw .failed("\(directory): half cut: \(error)") }
  }

  private func indexOfSegment(_ baseOffset: Int64) throws(LogError) -> SegmentIndex {
    guard let seal = manifest.sealed.first(where: { $0.baseOffset == baseOffset }) else { return segment.index }
    return try SealedSegment(files: files, directory: directory, seal: seal, options: options).index
  }

  /// Empties the partition and gives it another epoch. The manifest says so first; recovery finishes the work.
  func reset() throws(LogError) {
    var discarding = manifest
    var epoch = UInt32.random(in: 1...UInt32.max)
    while epoch == manifest.epoch { epoch = UInt32.random(in: 1...UInt32.max) }
    discarding.epoch = epoch
    discarding.isDiscarding = true
    let marked = discarding
    try onDisk { () throws(FileError) in try replaceManifest(marked) }
    reader.publishCut { $0.highWatermark = $0.manifest.startOffset }
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    try finishingCut { () throws(LogError) in
      manifest = try recovery.finishDiscarding(manifest)
      try resume(endingAt: 0)
    }
  }

  /// Goes on from what is on disk now, as after opening.
  private func resume(endingAt offset: Int64) throws(LogError) {
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    let recovered = try recovery.recover(manifest)
    guard recovered.nextOffset == offset else {
      throw .failed("\(directory): cut to end at \(offset), but it ends at \(recovered.nextOffset)")
    }
    let segment = try onDisk { () throws(FileError) in
      try WritableSegment(files: files, recovered: recovered, directory: directory)
    }
    restart(segment: segment, nextOffset: offset)
    let state = recovered.state(directory: directory)
    reader.publishCut { $0 = state.keeping(cuts: $0.cuts) }
  }

  /// Where the batch begins that holds `offset` (or begins with it), in bytes of its segment and as an offset; and, if
  /// it begins before `offset`, its records before it as a batch of their own.
  private func headOfStraddlingBatch(
    endingAt offset: Int64
  ) throws(LogError) -> (position: Int64, baseOffset: Int64, head: [UInt8]?) {
    var buffer = ByteWriter()
    let (position, isFound) = try reader.readBatch(containing: offset, into: &buffer)
    guard isFound, let frame = BatchFrame(buffer.bytes, byteCountMax: Limits.batchBytesMax) else {
      throw .failed("\(directory): offset \(offset) is in no batch")
    }
    guard frame.baseOffset < offset else { return (position, offset, nil) }
    var records = RecordBatchReader()
    var writer = SparseBatchWriter()
    writer.begin(at: frame.baseOffset)
    do throws(CodecError) {
      let header = try records.open(buffer.bytes, verifyingChecksum: true)
      writer.begin(at: frame.baseOffset, horizonMillis: header.tombstoneHorizonMillis)
      var cursor = records.records
      while try cursor.advance(), cursor.offset < offset { writer.append(cursor) }
    } catch { throw .invalidBatch("a stored batch does not decode: \(error)") }
    buffer.removeAll()
    writer.finish(lastOffset: offset - 1, into: &buffer)
    return (position, frame.baseOffset, buffer.copy())
  }
}

extension PartitionState {
  fileprivate func keeping(cuts: Int) -> Self {
    var state = self
    state.cuts = cuts
    return state
  }
}
