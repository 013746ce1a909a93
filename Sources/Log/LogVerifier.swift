// Walks everything of a log and tells all damage in one run. Changes nothing, and works beside a writer.

internal import Codecs
internal import Core

/// What was looked at.
package struct VerifiedLog: Equatable, Sendable {
  package var partitions = 0
  package var segments = 0
  package var batches: Int64 = 0
  package var records: Int64 = 0
  package var bytes: Int64 = 0
  /// What only a repair puts right, and what the next opening for writing does by itself.
  package var damages = 0
  package var passingDamages = 0
}

/// Verifies a log on disk: the manifest and the set of files, every batch's place and checksum, every record, both
/// indexes against the segment.
package struct LogVerifier<Files: LogFiles> {
  /// How often a segment that its writer is changing is looked at anew.
  private static var looksMax: Int { 5 }

  private let survey: LogSurvey<Files>
  private let report: (LogDamage) -> Void
  /// Called with the bytes that were looked at.
  private let progress: (Int64) -> Void
  /// Lets the writer of another process go on for a moment.
  private let pause: () -> Void
  private var result = VerifiedLog()

  package init(
    _ survey: LogSurvey<Files>, report: @escaping (LogDamage) -> Void, progress: @escaping (Int64) -> Void = { _ in },
    pause: @escaping () -> Void = {}
  ) {
    self.survey = survey
    self.report = report
    self.progress = progress
    self.pause = pause
  }

  /// Verifies these partitions.
  package mutating func run(_ names: [String]) throws(LogError) -> VerifiedLog {
    for name in names {
      result.partitions += 1
      try verify(name)
    }
    return result
  }

  private mutating func verify(_ name: String) throws(LogError) {
    var partition = try survey.partition(name)
    // The writer may have replaced the manifest between our looking at it and at the files.
    for _ in 1..<Self.looksMax where !partition.damage.isEmpty {
      pause()
      partition = try survey.partition(name)
    }
    for damage in partition.damage { tell(damage) }
    for segment in partition.segments { try verify(segment, of: partition) }
  }

  private mutating func tell(_ damage: LogDamage) {
    if damage.kind.isPassing { result.passingDamages += 1 } else { result.damages += 1 }
    report(damage)
  }

  /// A segment that seems damaged is looked at again: its writer may be cutting, deleting or writing it right now.
  private mutating func verify(_ first: SurveyedSegment, of partition: SurveyedPartition) throws(LogError) {
    var segment = first
    var look = try look(at: segment, of: partition)
    for _ in 1..<Self.looksMax where !look.damage.isEmpty {
      pause()
      let now = try survey.partition(partition.name)
      guard let same = now.segments.first(where: { $0.file == segment.file }) else { return }
      let again = try self.look(at: same, of: now)
      let isSettled = same == segment && again == look
      (segment, look) = (same, again)
      if isSettled { break }
    }
    for damage in look.damage { tell(damage) }
    result.segments += 1
    result.batches += look.batches
    result.records += look.records
    result.bytes += segment.byteCount ?? 0
    progress(result.bytes)
  }

  /// What one look at a segment found.
  private struct Look: Equatable {
    var batches: Int64 = 0
    var records: Int64 = 0
    var damage: [LogDamage] = []
  }

  private func look(at segment: SurveyedSegment, of partition: SurveyedPartition) throws(LogError) -> Look {
    guard let byteCount = segment.byteCount else { return Look() }
    var look = Look()
    let names = segment.names
    // Read before the segment: what an index tells of was in the segment before.
    let stored = (offsets: content(names.index), times: content(names.timeIndex))
    var check = IndexCheck(
      baseOffset: segment.baseOffset, offsets: stored.offsets ?? [], times: stored.times ?? [])
    var last: StoredBatch?
    var newest = Int64.min
    var stretches: [(stretch: DamagedStretch, isFollowed: Bool)] = []
    let before = result.bytes
    do throws(LogError) {
      try survey.forEachPart(of: segment, decodingRecords: true) { part in
        switch part {
        case .batch(let batch):
          if !stretches.isEmpty { stretches[stretches.count - 1].isFollowed = true }
          look.batches += 1
          look.records += Int64(batch.recordCount)
          newest = max(newest, batch.maxTimestampMillis)
          check.add(batch)
          last = batch
          progress(before + batch.byte)
        case .damage(let stretch):
          if stretches.count < Limits.logDamagePerSegmentMax { stretches.append((stretch, stretch.kind == .content)) }
        }
      }
    } catch {
      // Deleted since it was surveyed, or the disk does not give it.
      guard case .failed(let reason) = error else { throw error }
      look.damage.append(LogDamage(kind: .segment, file: segment.file, byte: 0, reason: reason))
      return look
    }
    let mark = try? DurableMark(in: partition.directory, files: survey.files)
    let durableBytes = mark?.baseOffset == segment.baseOffset ? mark?.durableBytes ?? 0 : 0
    for (stretch, isFollowed) in stretches {
      // What was on disk once is no tail that a crash left.
      let isTail =
        !segment.isSealed && !isFollowed && partition.manifest != nil && stretch.kind == .unreadable
        && stretch.byte >= durableBytes
      look.damage.append(
        LogDamage(kind: isTail ? .tail : .segment, file: segment.file, byte: stretch.byte, reason: stretch.reason))
    }
    if let seal = segment.seal {
      look.damage += faults(of: seal, segment.file, byteCount, last, newest, isWhole: stretches.isEmpty)
      look.damage += faults(of: seal, names, stored)
    }
    // Where the segment is damaged, its index may be right and cannot be held against it.
    if look.damage.allSatisfy({ $0.kind == .index }) { look.damage += faults(found: &check, names) }
    return look
  }

  private func content(_ path: String) -> [UInt8]? {
    try? survey.files.contents(path, byteCountMax: Limits.logIndexBytesMax)
  }

  /// The segment against its seal.
  private func faults(
    of seal: SegmentSeal, _ file: String, _ byteCount: Int64, _ last: StoredBatch?, _ newest: Int64, isWhole: Bool
  ) -> [LogDamage] {
    func damage(_ byte: Int64, _ reason: String) -> LogDamage {
      LogDamage(kind: .segment, file: file, byte: byte, reason: reason)
    }
    if byteCount != seal.byteCount {
      return [damage(min(byteCount, seal.byteCount), "sealed with \(seal.byteCount) bytes, now \(byteCount)")]
    }
    guard isWhole else { return [] }
    let end = last.map { $0.lastOffset + 1 } ?? seal.baseOffset
    if end != seal.endOffset {
      return [damage(byteCount, "it ends at offset \(end), sealed at \(seal.endOffset)")]
    }
    guard newest == seal.maxTimestampMillis else {
      return [damage(0, "its largest timestamp is \(newest), sealed with \(seal.maxTimestampMillis)")]
    }
    return []
  }

  /// The index files against the seal.
  private func faults(
    of seal: SegmentSeal, _ names: SegmentNames, _ stored: (offsets: [UInt8]?, times: [UInt8]?)
  ) -> [LogDamage] {
    [(names.index, stored.offsets, seal.indexChecksum), (names.timeIndex, stored.times, seal.timeIndexChecksum)]
      .compactMap { path, content, checksum in
        guard let content else { return LogDamage(kind: .index, file: path, byte: 0, reason: "the file is missing") }
        guard unsafe CRC32C.checksum(content.span.bytes) != checksum else { return nil }
        return LogDamage(kind: .index, file: path, byte: 0, reason: "the checksum is not the sealed one")
      }
  }

  /// The entries against the segment.
  private func faults(found check: inout IndexCheck, _ names: SegmentNames) -> [LogDamage] {
    check.finish()
    var damage: [LogDamage] = []
    if let (entry, reason) = check.wrongOffset {
      let byte = Int64(entry * SegmentIndex.offsetEntryBytes)
      damage.append(LogDamage(kind: .index, file: names.index, byte: byte, reason: reason))
    }
    if let (entry, reason) = check.wrongTime {
      let byte = Int64(entry * SegmentIndex.timeEntryBytes)
      damage.append(LogDamage(kind: .index, file: names.timeIndex, byte: byte, reason: reason))
    }
    return damage
  }
}
