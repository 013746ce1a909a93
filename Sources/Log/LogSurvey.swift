// What lies in a log's directory, without opening the log: works on a damaged one, and beside a writer.

internal import Codecs
internal import Core

/// A segment as its partition's manifest and its directory tell of it.
package struct SurveyedSegment: Equatable, Sendable {
  let names: SegmentNames
  /// What is there; nil where the file is missing.
  package var byteCount: Int64?
  /// What the manifest says, for a segment that is sealed.
  var seal: SegmentSeal?

  package var file: String { names.log }
  package var baseOffset: Int64 { names.baseOffset }
  package var isSealed: Bool { seal != nil }
}

/// A partition as found. `manifest` is nil where the file is missing or damaged; then the segments are those found.
package struct SurveyedPartition: Sendable {
  /// The directory's name: topic, dash, index.
  package var name: String
  package var directory: String
  package var segments: [SurveyedSegment]
  /// Files that hold records and are named by nothing.
  package var strays: [String]
  /// What is wrong with the manifest or the set of files.
  package var damage: [LogDamage]
  var manifest: PartitionManifest?

  package var byteCount: Int64 { segments.reduce(0) { $0 + ($1.byteCount ?? 0) } }
  package var settings: TopicSettings? { manifest?.settings }
}

/// Looks at a log's directory. Every answer is of the moment it was given.
package struct LogSurvey<Files: LogFiles>: Sendable {
  package let directory: String
  package let files: Files

  package init(directory: String, files: Files) {
    self.directory = directory
    self.files = files
  }

  /// The names of the partitions' directories, ascending. Those that no partition was ever completed in are left out.
  package func partitions() throws(LogError) -> [String] {
    var names: [String] = []
    for name in try onDisk({ () throws(FileError) in try files.list("\(directory)/topics") }) {
      let content = (try? files.list("\(directory)/topics/\(name)")) ?? []
      let hasRecords = content.contains { file in
        file.hasSuffix(".log") && ((try? size("\(directory)/topics/\(name)/\(file)")) ?? 0) > 0
      }
      if content.contains(PartitionManifest.fileName) || hasRecords { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes the directories of a log that does not exist yet.
  package func prepare() throws(LogError) {
    try onDisk { () throws(FileError) in try files.makeDirectory(directory + "/topics") }
  }

  /// Whether there is no such partition, or one without records.
  package func isEmpty(_ name: String) throws(LogError) -> Bool {
    guard try partitions().contains(name) else { return true }
    let partition = try partition(name)
    return partition.damage.isEmpty && partition.byteCount == 0
  }

  package func partition(_ name: String) throws(LogError) -> SurveyedPartition {
    let path = "\(directory)/topics/\(name)"
    var partition = SurveyedPartition(name: name, directory: path, segments: [], strays: [], damage: [])
    let metaPath = "\(path)/\(PartitionManifest.fileName)"
    // Before the manifest: a segment that has records by now is one that the manifest names, or that was deleted.
    var found: [SegmentNames] = []
    for file in try onDisk({ () throws(FileError) in try files.list(path) }) {
      guard let (base, generation) = SegmentNames.parse(file), try size("\(path)/\(file)") ?? 0 > 0 else { continue }
      found.append(SegmentNames(directory: path, baseOffset: base, generation: generation))
    }
    found.sort { $0.log < $1.log }
    do throws(LogError) {
      partition.manifest = try PartitionRecovery(files: files, directory: path, options: LogOptions()).manifest()
      if partition.manifest == nil {
        partition.damage.append(LogDamage(kind: .manifest, file: metaPath, byte: 0, reason: "the file is missing"))
      }
    } catch {
      guard case .corrupt(let file, let byte, let reason) = error else { throw error }
      partition.damage.append(LogDamage(kind: .manifest, file: file, byte: byte, reason: reason))
    }
    if let manifest = partition.manifest, name != "\(manifest.settings.name)-\(manifest.index)" {
      let reason = "it is of \(manifest.settings.name)-\(manifest.index)"
      partition.damage.append(LogDamage(kind: .manifest, file: metaPath, byte: 0, reason: reason))
    }
    if let manifest = partition.manifest {
      try list(manifest, found: found, in: &partition)
    } else {
      for names in found { partition.segments.append(try segment(names, seal: nil)) }
    }
    return partition
  }

  /// The segments that the manifest names, and what else lies there. What a crash may leave, and what is removed when
  /// the log is opened, is passed over, as `PartitionRecovery` does.
  private func list(
    _ manifest: PartitionManifest, found: [SegmentNames], in partition: inout SurveyedPartition
  ) throws(LogError) {
    // Being emptied: whatever lies there belongs to the history before.
    if manifest.isDiscarding { return }
    for seal in manifest.sealed {
      partition.segments.append(try segment(manifest.names(seal, in: partition.directory), seal: seal))
    }
    partition.segments.append(try segment(manifest.activeNames(in: partition.directory), seal: nil))
    var expected = manifest.startOffset
    for segment in partition.segments {
      if segment.baseOffset > expected {
        partition.damage.append(
          LogDamage(
            kind: .manifest, file: segment.file, byte: 0,
            reason: "offsets \(expected) to \(segment.baseOffset - 1) are in no segment"))
      }
      if segment.byteCount == nil {
        partition.damage.append(
          LogDamage(kind: .segment, file: segment.file, byte: 0, reason: "the segment is missing"))
      }
      expected = segment.seal?.endOffset ?? expected
    }
    let known = Set(partition.segments.map(\.file))
    for names in found where !known.contains(names.log) && !manifest.isLeftover(names) {
      let stray = try segment(names, seal: nil)
      guard stray.byteCount != nil else { continue }
      partition.strays.append(stray.file)
      partition.damage.append(
        LogDamage(kind: .manifest, file: stray.file, byte: 0, reason: "a segment that the partition does not know"))
    }
  }

  private func segment(_ names: SegmentNames, seal: SegmentSeal?) throws(LogError) -> SurveyedSegment {
    SurveyedSegment(names: names, byteCount: try size(names.log), seal: seal)
  }

  private func size(_ path: String) throws(LogError) -> Int64? {
    do throws(FileError) {
      return try files.open(path, .read).byteCount()
    } catch {
      if error.isMissing { return nil }
      throw error.logError
    }
  }

  /// Calls `body` with the parts of one segment, as far as it reaches now; damaged ones too.
  package func forEachPart(
    of segment: SurveyedSegment, decodingRecords: Bool = false, _ body: (SegmentPart) -> Void
  ) throws(LogError) {
    guard let byteCount = segment.byteCount else { return }
    var walk = SegmentWalk<Files.File>(
      decodesRecords: decodingRecords, mayHaveGaps: segment.names.generation > 0)
    try onDisk { () throws(FileError) in
      let file = try files.open(segment.file, .read)
      _ = try walk.forEachPart(
        of: file, to: byteCount, baseOffset: segment.baseOffset, endOffset: segment.seal?.endOffset, body)
    }
  }
}
