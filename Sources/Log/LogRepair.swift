// Makes a damaged log one that opens, losing nothing that can be read and keeping aside what it cuts.

internal import Codecs
internal import Core

/// Repairs partitions, one at a time; the caller holds the log's lock, or no one may write.
///
/// An input partition keeps all that can be read at its offset: a lost stretch becomes records without key and value
/// and with the header `millrace.lost`, which the folds count as dead letters, so that nothing is silent. A derived one
/// ends at its first damage and is made again from its input. A repair that is interrupted is begun anew: every moment
/// in between is one that either opens or that a repair can be run on.
package struct LogRepair<Files: LogFiles> {
  private let survey: LogSurvey<Files>
  private let files: Files
  private let options: LogOptions
  /// The settings of a topic whose manifest is lost, by name.
  private let knownTopics: [TopicSettings]

  package init(_ survey: LogSurvey<Files>, knownTopics: [TopicSettings], options: LogOptions = LogOptions()) {
    self.survey = survey
    self.knownTopics = knownTopics
    self.options = options
    files = survey.files
  }

  /// Holds the log's lock as long as the result lives. `.locked` if a writer holds it.
  package static func lock(_ survey: LogSurvey<Files>) throws(LogError) -> Files.File {
    do throws(FileError) {
      return try survey.files.lock(survey.directory + "/writer.lock")
    } catch {
      if error.isLocked { throw .locked(directory: survey.directory) }
      throw error.logError
    }
  }

  // MARK: Planning

  package func plan(_ name: String) throws(LogError) -> RepairPlan {
    let partition = try survey.partition(name)
    let manifest: PartitionManifest
    if let found = partition.manifest { manifest = found } else { manifest = try replacement(for: partition) }
    var plan = RepairPlan(partition, manifest)
    if partition.manifest == nil {
      plan.steps.append("write \(PartitionManifest.fileName) anew, with another epoch: no position of before is valid")
    } else if let damage = partition.damage.first(where: { $0.file.hasSuffix(PartitionManifest.fileName) }) {
      throw .corrupt(file: damage.file, byte: damage.byte, reason: damage.reason)
    }
    var expected = partition.manifest?.startOffset ?? partition.segments.first?.baseOffset ?? 0
    for (number, segment) in partition.segments.enumerated() {
      let next = number + 1 < partition.segments.count ? partition.segments[number + 1].baseOffset : nil
      let before = (steps: plan.steps, lostRecords: plan.lostRecords)
      let repair = try self.repair(of: segment, endOffset: segment.seal?.endOffset ?? next, &plan)
      if plan.manifest.settings.isDerived, let cut = Self.cutOfDerived(repair) {
        (plan.steps, plan.lostRecords) = before
        plan.segments.append(cut)
        plan.removed = Array(partition.segments[(number + 1)...])
        plan.steps.append("end the partition at offset \(cut.endOffset); it is made again from its input")
        return plan
      }
      if segment.baseOffset > expected, !plan.segments.isEmpty || partition.manifest != nil {
        throw .corrupt(
          file: segment.file, byte: 0, reason: "offsets \(expected) to \(segment.baseOffset - 1) are in no segment")
      }
      plan.segments.append(repair)
      expected = repair.endOffset
    }
    for stray in partition.strays { plan.steps.append("move \(stray) aside: the partition does not know it") }
    return plan
  }

  /// What a partition's own files and its neighbours tell of it, where its manifest is lost.
  private func replacement(for partition: SurveyedPartition) throws(LogError) -> PartitionManifest {
    let parts = partition.name.utf8.lastIndex(of: UInt8(ascii: "-")).map {
      (topic: String(partition.name[..<$0]), index: Int(partition.name[partition.name.index(after: $0)...]))
    }
    guard let topic = parts?.topic, let index = parts?.index else {
      throw .invalidTopic("\(partition.directory) is not named as a partition is")
    }
    let names = try survey.partitions().filter { $0.hasPrefix(topic + "-") }
    for name in names where name != partition.name {
      if let sibling = try survey.partition(name).manifest, sibling.settings.name == topic {
        return PartitionManifest(settings: sibling.settings, index: index, epoch: .random(in: 1...UInt32.max))
      }
    }
    let settings =
      knownTopics.first { $0.name == topic && $0.partitions > index }
      ?? TopicSettings(name: topic, partitions: max(index + 1, names.count))
    return PartitionManifest(settings: settings, index: index, epoch: .random(in: 1...UInt32.max))
  }

  private func repair(
    of segment: SurveyedSegment, endOffset: Int64?, _ plan: inout RepairPlan
  ) throws(LogError) -> SegmentRepair {
    var builder = RepairBuilder(segment, endOffset: endOffset)
    try survey.forEachPart(of: segment, decodingRecords: true) { builder.add($0) }
    let repair = builder.finish()
    plan.lostRecords += builder.lostRecords
    plan.steps += builder.steps
    if segment.byteCount == nil { plan.steps.append("make \(segment.file) anew, without its records") }
    if !repair.changesBytes, let seal = segment.seal,
      seal.byteCount != segment.byteCount || !areIndexesStored(segment.names, seal)
    {
      plan.steps.append("write the indexes and the seal of \(segment.file) anew")
    }
    return repair
  }

  private func areIndexesStored(_ names: SegmentNames, _ seal: SegmentSeal) -> Bool {
    [(names.index, seal.indexChecksum), (names.timeIndex, seal.timeIndexChecksum)].allSatisfy { path, checksum in
      guard let content = try? files.contents(path, byteCountMax: Limits.logIndexBytesMax) else { return false }
      return unsafe CRC32C.checksum(content.span.bytes) == checksum
    }
  }

  /// A derived partition's last segment: what stands before its first damage. Nil if there is none.
  private static func cutOfDerived(_ repair: SegmentRepair) -> SegmentRepair? {
    guard repair.changesBytes else { return nil }
    var cut = repair
    cut.pieces = []
    cut.endOffset = repair.segment.baseOffset
    var end: Int64 = 0
    if case .keep(0, let to) = repair.pieces.first {
      cut.pieces = [.keep(from: 0, to: to)]
      end = to
      cut.endOffset = repair.firstDamagedOffset
    }
    if let byteCount = repair.segment.byteCount, end < byteCount { cut.pieces.append(.cut(from: end, to: byteCount)) }
    return cut
  }

  // MARK: Doing it

  /// Carries out the plan. Afterwards the partition opens. Returns the plan with the names of the files that hold what
  /// was cut.
  package func apply(_ plan: RepairPlan) throws(LogError) -> RepairPlan {
    var plan = plan
    guard !plan.steps.isEmpty else { return plan }
    do throws(FileError) {
      // What it says of the last segment is what the repair decides upon.
      try DurableMark.remove(in: plan.survey.directory, files: files)
      for stray in plan.survey.strays { try moveAside(stray, &plan.asides) }
      for segment in plan.removed where segment.byteCount != nil { try moveAside(segment.file, &plan.asides) }
      for repair in plan.segments where repair.changesBytes {
        try SegmentRewrite(files: files, directory: plan.survey.directory).run(repair, &plan.asides)
      }
      try files.syncDirectory(plan.survey.directory)
    } catch { throw error.logError }
    var manifest = plan.manifest
    manifest.startOffset = plan.survey.manifest?.startOffset ?? plan.segments.first?.segment.baseOffset ?? 0
    manifest.revision += 1
    manifest.sealed = []
    for (number, repair) in plan.segments.enumerated() {
      let isLast = number == plan.segments.count - 1
      let seal = try self.seal(repair.segment.names, repair.segment, endOffset: repair.endOffset, writing: true)
      guard isLast else {
        manifest.sealed.append(seal)
        continue
      }
      manifest.activeBaseOffset = repair.segment.baseOffset
      manifest.activeGeneration = repair.segment.names.generation
    }
    manifest.compactedEnd = min(manifest.compactedEnd, manifest.activeBaseOffset)
    if plan.segments.isEmpty { try makeFirstSegment(&manifest, plan.survey.directory) }
    let finished = manifest
    try onDisk { () throws(FileError) in
      try PartitionRecovery(files: files, directory: plan.survey.directory, options: options).store(finished)
    }
    return plan
  }

  private func makeFirstSegment(_ manifest: inout PartitionManifest, _ directory: String) throws(LogError) {
    manifest.activeBaseOffset = 0
    try onDisk { () throws(FileError) in
      _ = try WritableSegment(
        creating: files, directory: directory, baseOffset: 0, intervalBytes: options.indexIntervalBytes)
    }
  }

  private func moveAside(_ path: String, _ asides: inout [String]) throws(FileError) {
    let aside = files.freeName(path + ".cut")
    try files.rename(path, to: aside)
    asides.append(aside)
  }

  /// The seal of a segment as it is now; `writing` stores its indexes too.
  private func seal(
    _ names: SegmentNames, _ segment: SurveyedSegment, endOffset: Int64, writing: Bool
  ) throws(LogError) -> SegmentSeal {
    var index = SegmentIndex(baseOffset: segment.baseOffset, intervalBytes: options.indexIntervalBytes)
    var now = segment
    now.byteCount = try onDisk { () throws(FileError) in try files.open(names.log, .read).byteCount() }
    try survey.forEachPart(of: now) { part in
      guard case .batch(let batch) = part else { return }
      index.add(
        lastOffset: batch.lastOffset, maxTimestampMillis: batch.maxTimestampMillis, position: batch.byte,
        byteCount: batch.byteCount)
    }
    index.seal()
    let complete = index
    if writing { try onDisk { () throws(FileError) in try complete.write(files: files, names: names) } }
    var offsets = ByteWriter()
    var times = ByteWriter()
    complete.encodeOffsets(from: 0, into: &offsets)
    complete.encodeTimes(from: 0, into: &times)
    var seal =
      segment.seal
      ?? SegmentSeal(
        baseOffset: segment.baseOffset, endOffset: endOffset, byteCount: 0, maxTimestampMillis: 0, indexChecksum: 0,
        timeIndexChecksum: 0)
    seal.endOffset = endOffset
    seal.byteCount = now.byteCount ?? 0
    seal.maxTimestampMillis = complete.maxTimestampMillis
    seal.indexChecksum = CRC32C.checksum(offsets.bytes)
    seal.timeIndexChecksum = CRC32C.checksum(times.bytes)
    seal.generation = names.generation
    if segment.seal == nil { seal.appendedMillis = complete.maxTimestampMillis }
    return seal
  }
}

extension LogFiles {
  /// `path`, or if there is such a file, with a number behind it.
  func freeName(_ path: String) -> String {
    var name = path
    var number = 2
    while (try? open(name, .read)) != nil {
      name = "\(path).\(number)"
      number += 1
    }
    return name
  }
}
