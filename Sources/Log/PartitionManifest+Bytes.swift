// The manifest's bytes. Big-endian; a text is its length (u32) and its UTF-8.
//
//   "MRPM" | version u32 | topic | partitions u32 | derived u8 | index u32 | epoch u32 | revision u64 | discarding u8
//   | start i64 | active base i64
//   | version 2: active generation u32, active since i64, compacted end i64, last generation u32, policy
//   | seals u32, each: base i64, end i64, bytes i64, max timestamp i64, index CRC u32, time index CRC u32
//                      version 2: appended i64, generation u32
//   | CRC32C u32 of all before
//
//   policy: durability i64 (0 fsync, -1 os, else the interval in ms) | retention ms i64 | retention bytes i64
//           | segment ms i64 | compaction after ms i64 | tombstones ms i64 | dirty percent u32     (-1 is none)

internal import Codecs

extension PartitionManifest {
  func encode(into writer: inout ByteWriter) {
    writer.append(bigEndian: Self.magic)
    writer.append(bigEndian: Self.version)
    writer.append(bigEndian: UInt32(truncatingIfNeeded: settings.name.utf8.count))
    writer.append(utf8: settings.name)
    writer.append(bigEndian: UInt32(truncatingIfNeeded: settings.partitions))
    writer.append(settings.isDerived ? 1 : 0)
    writer.append(bigEndian: UInt32(truncatingIfNeeded: index))
    writer.append(bigEndian: epoch)
    writer.append(bigEndian: revision)
    writer.append(isDiscarding ? 1 : 0)
    writer.append(bigEndian: startOffset)
    writer.append(bigEndian: activeBaseOffset)
    writer.append(bigEndian: activeGeneration)
    writer.append(bigEndian: activeSinceMillis)
    writer.append(bigEndian: compactedEnd)
    writer.append(bigEndian: lastGeneration)
    settings.policy.encode(into: &writer)
    writer.append(bigEndian: UInt32(truncatingIfNeeded: sealed.count))
    for seal in sealed { seal.encode(into: &writer) }
    writer.append(bigEndian: CRC32C.checksum(writer.bytes))
  }

  /// Reads this version and all before it.
  init(decoding bytes: RawSpan) throws(CodecError) {
    guard bytes.byteCount >= 12 else { throw .truncated(at: 0) }
    var end = ByteReader(bytes.extracting(last: 4))
    let expected = try end.read(bigEndian: UInt32.self)
    let body = bytes.extracting(droppingLast: 4)
    let actual = CRC32C.checksum(body)
    guard actual == expected else { throw .checksumMismatch(expected: expected, actual: actual) }
    var reader = ByteReader(body)
    guard try reader.read(bigEndian: UInt32.self) == Self.magic else { throw .malformed(at: 0, reason: "not ours") }
    let version = try reader.read(bigEndian: UInt32.self)
    guard (1...Self.version).contains(version) else {
      throw .malformed(at: 4, reason: "format version \(version) is unknown")
    }
    let nameBytes = try reader.read(bigEndian: UInt32.self)
    let name = String(utf8: try reader.read(count: Int(nameBytes)))
    let partitions = Int(try reader.read(bigEndian: UInt32.self))
    let isDerived = try reader.readByte() != 0
    let index = Int(try reader.read(bigEndian: UInt32.self))
    let epoch = try reader.read(bigEndian: UInt32.self)
    self.init(
      settings: TopicSettings(name: name, partitions: partitions, isDerived: isDerived), index: index, epoch: epoch)
    revision = try reader.read(bigEndian: UInt64.self)
    isDiscarding = try reader.readByte() != 0
    startOffset = try reader.read(bigEndian: Int64.self)
    activeBaseOffset = try reader.read(bigEndian: Int64.self)
    if version >= 2 {
      activeGeneration = try reader.read(bigEndian: UInt32.self)
      activeSinceMillis = try reader.read(bigEndian: Int64.self)
      compactedEnd = try reader.read(bigEndian: Int64.self)
      lastGeneration = try reader.read(bigEndian: UInt32.self)
      settings.policy = try TopicPolicy(from: &reader)
    }
    let count = try reader.read(bigEndian: UInt32.self)
    for _ in 0..<count { sealed.append(try SegmentSeal(from: &reader, version: version)) }
    guard reader.isAtEnd else { throw .malformed(at: reader.position, reason: "bytes behind the last segment") }
    guard isPlausible else { throw .malformed(at: 0, reason: "numbers that no partition has") }
  }

  /// A checksum that holds says that the bytes are those of somebody, not that it was us: what is counted with later
  /// must be far from where sums overflow.
  private var isPlausible: Bool {
    let offsets = 0...Int64.max / 4
    let moments = 0...TopicPolicy.millisMax
    return revision < .max / 2 && lastGeneration < .max / 2 && offsets.contains(startOffset)
      && offsets.contains(activeBaseOffset) && offsets.contains(compactedEnd) && moments.contains(activeSinceMillis)
      && sealed.allSatisfy { seal in
        offsets.contains(seal.baseOffset) && offsets.contains(seal.endOffset) && offsets.contains(seal.byteCount)
          && seal.baseOffset <= seal.endOffset && moments.contains(seal.appendedMillis)
      }
  }
}

extension SegmentSeal {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(bigEndian: baseOffset)
    writer.append(bigEndian: endOffset)
    writer.append(bigEndian: byteCount)
    writer.append(bigEndian: maxTimestampMillis)
    writer.append(bigEndian: indexChecksum)
    writer.append(bigEndian: timeIndexChecksum)
    writer.append(bigEndian: appendedMillis)
    writer.append(bigEndian: generation)
  }

  fileprivate init(from reader: inout ByteReader, version: UInt32) throws(CodecError) {
    baseOffset = try reader.read(bigEndian: Int64.self)
    endOffset = try reader.read(bigEndian: Int64.self)
    byteCount = try reader.read(bigEndian: Int64.self)
    maxTimestampMillis = try reader.read(bigEndian: Int64.self)
    indexChecksum = try reader.read(bigEndian: UInt32.self)
    timeIndexChecksum = try reader.read(bigEndian: UInt32.self)
    guard version >= 2 else {
      // Timestamps are whatever producers say.
      appendedMillis = min(max(maxTimestampMillis, 0), TopicPolicy.millisMax)
      return
    }
    appendedMillis = try reader.read(bigEndian: Int64.self)
    generation = try reader.read(bigEndian: UInt32.self)
  }
}

extension TopicPolicy {
  /// A moment or a time span beyond every calendar, which still can be told in nanoseconds: 139 years.
  fileprivate static var millisMax: Int64 { 1 << 42 }

  fileprivate func encode(into writer: inout ByteWriter) {
    switch durability {
    case .fsync: writer.append(bigEndian: Int64(0))
    case .os: writer.append(bigEndian: Int64(-1))
    case .interval(let millis): writer.append(bigEndian: Int64(max(1, millis)))
    }
    for bound in [retentionMillis, retentionBytes, segmentMillis, compaction?.afterMillis, compaction?.tombstoneMillis]
    {
      writer.append(bigEndian: bound ?? -1)
    }
    writer.append(bigEndian: UInt32(clamping: compaction?.dirtyPercent ?? 0))
  }

  fileprivate init(from reader: inout ByteReader) throws(CodecError) {
    let millis = Int(min(try reader.read(bigEndian: Int64.self), Self.millisMax))
    let durability: Durability = millis == 0 ? .fsync : millis < 0 ? .os : .interval(millis: millis)
    var bounds: [Int64?] = []
    for _ in 0..<5 {
      let bound = try reader.read(bigEndian: Int64.self)
      bounds.append(bound < 0 ? nil : min(bound, Int64.max / 4))
    }
    let dirtyPercent = Int(try reader.read(bigEndian: UInt32.self))
    self.init(
      durability: durability, retentionMillis: bounds[0], retentionBytes: bounds[1], segmentMillis: bounds[2])
    if let after = bounds[3], let tombstones = bounds[4] {
      compaction = CompactionPolicy(afterMillis: after, tombstoneMillis: tombstones, dirtyPercent: dirtyPercent)
    }
  }
}
