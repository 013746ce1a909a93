// How far a partition's last segment is known to be on disk: what tells damage from a torn tail.

internal import Codecs
internal import Core

/// The content of `durable.end`, written in place behind each sync and not synced itself:
///
///      0        4         8             16              24            32        36
///     +--------+---------+-------------+---------------+-------------+---------+--------+
///     | "MRDE" | version | base offset | durable bytes | boot        | closed  | CRC32C |
///     |        | u32 (1) | i64         | i64           | u64         | u32     | of all |
///     +--------+---------+-------------+---------------+-------------+---------+--------+   big-endian
///
/// It never says more than is true, as it is written after the sync. It may say less: after a power failure by what the
/// kernel had not written yet; a killed process leaves it exact, and so does an orderly end, which syncs it.
struct DurableMark: Equatable {
  static let fileName = "durable.end"
  private static let magic: UInt32 = 0x4d52_4445
  private static let version: UInt32 = 1
  private static let byteCount = 40

  /// Names the segment: of another one it says nothing.
  var baseOffset: Int64
  var durableBytes: Int64
  /// Which start of the machine wrote it (`LogFiles.bootID`): since then the kernel has forgotten nothing.
  var bootID: UInt64
  /// Written at an orderly end.
  var isClosed: Bool

  var bytes: [UInt8] {
    var writer = ByteWriter(capacity: Self.byteCount)
    writer.append(bigEndian: Self.magic)
    writer.append(bigEndian: Self.version)
    writer.append(bigEndian: baseOffset)
    writer.append(bigEndian: durableBytes)
    writer.append(bigEndian: bootID)
    writer.append(bigEndian: UInt32(isClosed ? 1 : 0))
    writer.append(bigEndian: CRC32C.checksum(writer.bytes))
    return writer.copy()
  }

  init(baseOffset: Int64, durableBytes: Int64, bootID: UInt64, isClosed: Bool) {
    self.baseOffset = baseOffset
    self.durableBytes = durableBytes
    self.bootID = bootID
    self.isClosed = isClosed
  }

  /// The partition's mark; nil where it is missing or torn, which says nothing. One that cannot be read may say much.
  init?<Files: LogFiles>(in directory: String, files: Files) throws(FileError) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try files.contents("\(directory)/\(Self.fileName)", byteCountMax: Self.byteCount)
    } catch {
      guard error.isMissing else { throw error }
      return nil
    }
    guard let mark = unsafe try? DurableMark(decoding: bytes.span.bytes) else { return nil }
    self = mark
  }

  /// Takes it away, before the segment that it tells of is cut by hand: from then on nothing is known.
  static func remove<Files: LogFiles>(in directory: String, files: Files) throws(FileError) {
    do throws(FileError) {
      try files.remove("\(directory)/\(fileName)")
      try files.syncDirectory(directory)
    } catch { guard error.isMissing else { throw error } }
  }

  private init(decoding bytes: RawSpan) throws(CodecError) {
    guard bytes.byteCount == Self.byteCount else { throw .truncated(at: bytes.byteCount) }
    var reader = ByteReader(bytes)
    let head = (try reader.read(bigEndian: UInt32.self), try reader.read(bigEndian: UInt32.self))
    guard head == (Self.magic, Self.version) else { throw .malformed(at: 0, reason: "not ours") }
    baseOffset = try reader.read(bigEndian: Int64.self)
    durableBytes = try reader.read(bigEndian: Int64.self)
    bootID = try reader.read(bigEndian: UInt64.self)
    isClosed = try reader.read(bigEndian: UInt32.self) != 0
    let expected = try reader.read(bigEndian: UInt32.self)
    let actual = CRC32C.checksum(bytes.extracting(droppingLast: 4))
    guard actual == expected else { throw .checksumMismatch(expected: expected, actual: actual) }
  }
}

/// Keeps an input partition's mark. Derived partitions have none: they may be cut, and are made again.
struct DurableMarkFile<Files: LogFiles> {
  private let file: Files.File
  private let bootID: UInt64

  init(creating files: Files, in directory: String) throws(FileError) {
    bootID = files.bootID
    let path = "\(directory)/\(DurableMark.fileName)"
    do throws(FileError) {
      // Not emptied: until it is written again it says what was true.
      file = try files.open(path, .update)
    } catch {
      guard error.isMissing else { throw error }
      file = try files.open(path, .create)
      try files.syncDirectory(directory)
    }
  }

  func write(baseOffset: Int64, durableBytes: Int64, isClosed: Bool = false) throws(FileError) {
    let mark = DurableMark(
      baseOffset: baseOffset, durableBytes: durableBytes, bootID: bootID, isClosed: isClosed)
    let bytes = mark.bytes
    do throws(FileError) { try file.write(unsafe bytes.span.bytes, at: 0) } catch {
      // Without space it says less than is true, which only makes it weaker.
      guard error.isDiskFull else { throw error }
    }
  }

  func sync() throws(FileError) { try file.sync() }

  /// A sync failed: what readers saw since the last one may be gone at the next opening, as after a power failure. So
  /// the mark is from no start of the machine. Best effort, as the disk is failing.
  func distrust(baseOffset: Int64, durableBytes: Int64) {
    let mark = DurableMark(baseOffset: baseOffset, durableBytes: durableBytes, bootID: 0, isClosed: false)
    let bytes = mark.bytes
    try? file.write(unsafe bytes.span.bytes, at: 0)
  }
}
