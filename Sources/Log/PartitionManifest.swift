// The small file that says what a partition is and which of its segments are sealed.

internal import Codecs

/// A segment that will never be written again.
struct SegmentSeal: Equatable, Sendable {
  var baseOffset: Int64
  /// The offset after its last record.
  var endOffset: Int64
  var byteCount: Int64
  var maxTimestampMillis: Int64
  /// Checksums of the index files: they are derived data, and made again when these do not match.
  var indexChecksum: UInt32
  var timeIndexChecksum: UInt32
}

/// The content of `partition.meta`, replaced as a whole: `MRPM`, format version, body, CRC32C over all before it.
struct PartitionManifest: Equatable, Sendable {
  static let fileName = "partition.meta"
  private static let magic: UInt32 = 0x4d52_504d
  private static let version: UInt32 = 1
  /// Bounds what a damaged directory can make us read: about 2.5 million segments fit.
  static let byteCountMax = 128 << 20

  var settings: TopicSettings
  var index: Int
  var epoch: UInt32
  /// Counts the rewrites, so that readers in other processes see that the segments changed.
  var revision: UInt64 = 0
  /// The partition is being emptied: whatever segments are found belong to the history before.
  var isDiscarding = false
  var startOffset: Int64 = 0
  var sealed: [SegmentSeal] = []
  var activeBaseOffset: Int64 = 0

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
    writer.append(bigEndian: UInt32(truncatingIfNeeded: sealed.count))
    for seal in sealed {
      writer.append(bigEndian: seal.baseOffset)
      writer.append(bigEndian: seal.endOffset)
      writer.append(bigEndian: seal.byteCount)
      writer.append(bigEndian: seal.maxTimestampMillis)
      writer.append(bigEndian: seal.indexChecksum)
      writer.append(bigEndian: seal.timeIndexChecksum)
    }
    writer.append(bigEndian: CRC32C.checksum(writer.bytes))
  }

  init(settings: TopicSettings, index: Int, epoch: UInt32) {
    self.settings = settings
    self.index = index
    self.epoch = epoch
  }

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
    guard version == Self.version else { throw .malformed(at: 4, reason: "format version \(version) is unknown") }
    let nameBytes = try reader.read(bigEndian: UInt32.self)
    let name = String(utf8: try reader.read(count: Int(nameBytes)))
    let partitions = Int(try reader.read(bigEndian: UInt32.self))
    let isDerived = try reader.readByte() != 0
    settings = TopicSettings(name: name, partitions: partitions, isDerived: isDerived)
    index = Int(try reader.read(bigEndian: UInt32.self))
    epoch = try reader.read(bigEndian: UInt32.self)
    revision = try reader.read(bigEndian: UInt64.self)
    isDiscarding = try reader.readByte() != 0
    startOffset = try reader.read(bigEndian: Int64.self)
    activeBaseOffset = try reader.read(bigEndian: Int64.self)
    let count = try reader.read(bigEndian: UInt32.self)
    for _ in 0..<count {
      let baseOffset = try reader.read(bigEndian: Int64.self)
      let endOffset = try reader.read(bigEndian: Int64.self)
      let byteCount = try reader.read(bigEndian: Int64.self)
      let maxTimestamp = try reader.read(bigEndian: Int64.self)
      let indexChecksum = try reader.read(bigEndian: UInt32.self)
      let timeIndexChecksum = try reader.read(bigEndian: UInt32.self)
      sealed.append(
        SegmentSeal(
          baseOffset: baseOffset, endOffset: endOffset, byteCount: byteCount, maxTimestampMillis: maxTimestamp,
          indexChecksum: indexChecksum, timeIndexChecksum: timeIndexChecksum))
    }
  }
}

/// The names of a segment's files in its partition's directory.
struct SegmentNames {
  let log: String
  let index: String
  let timeIndex: String

  init(directory: String, baseOffset: Int64) {
    let digits = String(baseOffset)
    let name = directory + "/" + String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    log = name + ".log"
    index = name + ".index"
    timeIndex = name + ".timeindex"
  }
}
