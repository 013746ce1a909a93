// What the fuzzer calls with arbitrary bytes. A trap, or a broken promise, is what it looks for.

import Codecs
import Events
import Log
import Processors

/// One parser of stored bytes, or the whole opening of a log in which one file is arbitrary.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// A record batch, header and all.
  case batch
  /// The records of a batch whose header fits them.
  case records
  /// The last segment of a log.
  case segment
  /// An index of the last segment.
  case index
  /// `partition.meta`, with its checksum put right.
  case manifest
  /// A task's newest checkpoint, with its checksum and what binds it to the log put right.
  case checkpoint

  package func run(_ bytes: [UInt8], in stored: StoredLog) {
    do {
      switch self {
      case .batch: try Self.decode(bytes)
      case .records: try Self.decode(Self.framed(bytes))
      case .segment: try Self.openWith(bytes, at: stored.paths(".log").last ?? "", stored)
      case .index: try Self.openWithIndex(bytes, stored)
      case .manifest:
        try Self.openWith(Self.sealed(bytes, bigEndian: true), at: StoredLog.input + "/partition.meta", stored)
      case .checkpoint: try Self.restore(bytes, stored)
      }
    } catch is CodecError {
    } catch let error as LogError {
      // Refusing is right; failing would mean that a disk was asked for what it does not have.
      if case .failed(let reason) = error { preconditionFailure("failed: \(reason)") }
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Inputs to begin with: what is right.
  package func seeds(_ stored: StoredLog) -> [[UInt8]] {
    let segment = stored.content(stored.paths(".log").last ?? "")
    switch self {
    case .batch: return [segment]
    case .records: return [[0, 4] + segment.dropFirst(RecordBatchHeader.encodedByteCount)]
    case .segment: return [segment]
    case .index:
      return [".index", ".timeindex"].enumerated().map { index, suffix in
        [UInt8(index)] + stored.content(stored.paths(suffix).last ?? "")
      }
    case .manifest: return [Array(stored.content(StoredLog.input + "/partition.meta").dropLast(4))]
    case .checkpoint:
      return stored.checkpoints.content.filter { $0.key.hasPrefix("checkpoint") }.map { Array($0.value.dropLast(4)) }
    }
  }

  // MARK: Decoding

  private static func decode(_ bytes: [UInt8]) throws(CodecError) {
    var reader = RecordBatchReader()
    let header = try reader.open(bytes.span.bytes, verifyingChecksum: false)
    var count = 0
    var sum: UInt8 = 0
    try reader.forEachRecord { (record: RecordView) throws(CodecError) in
      count += 1
      // Every byte is touched: one outside of the batch would be seen by the address sanitizer.
      for index in record.key.byteOffsets { sum &+= record.key.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
      for index in record.value.byteOffsets { sum &+= record.value.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
    }
    precondition(count == header.recordCount, "\(count) records of \(header.recordCount)")
    var ticks = TickBatch()
    _ = try ticks.decode(bytes.span.bytes, verifyingChecksum: false)
  }

  /// `bytes` behind a header that fits them: the first byte says how they are compressed, the second how many records.
  private static func framed(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 2 else { return bytes }
    let (compression, count) = (bytes[0] & 1 == 0 ? Compression.none : .lz4, Int32(bytes[1]))
    var writer = ByteWriter()
    writer.append(bigEndian: Int64(0))
    writer.append(bigEndian: Int32(truncatingIfNeeded: bytes.count - 2 + RecordBatchHeader.encodedByteCount - 12))
    writer.append(bigEndian: Int32(0))
    writer.append(UInt8(2))
    writer.append(bigEndian: UInt32(0))
    writer.append(bigEndian: UInt16(compression.rawValue))
    writer.append(bigEndian: count - 1)
    writer.append(bigEndian: Int64(1_700_000_000_000))
    writer.append(bigEndian: Int64(1_700_000_100_000))
    writer.append(bigEndian: Int64(-1))
    writer.append(bigEndian: UInt16.max)
    writer.append(bigEndian: Int32(-1))
    writer.append(bigEndian: count)
    writer.append(bytes.span.bytes.extracting(droppingFirst: 2))
    return writer.copy()
  }

  private static func sealed(_ bytes: [UInt8], bigEndian: Bool) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(bytes.span.bytes)
    let checksum = CRC32C.checksum(bytes.span.bytes)
    writer.append(bigEndian: bigEndian ? checksum : checksum.byteSwapped)
    return writer.copy()
  }

  // MARK: Opening

  /// Whatever the log hands out decodes and is in order; afterwards it can be appended to.
  private static func openWith(_ bytes: [UInt8], at path: String, _ stored: StoredLog) throws {
    let files = stored.files.copy()
    files.files[path] = MemoryFile(bytes)
    let log = try StoredLog.open(files)
    defer { log.close() }
    for topic in log.topics() {
      guard let partition = try? log.partition(topic.name, 0) else { continue }
      _ = try partition.offset(atOrAfter: 1_700_000_050_000)
      try readAll(partition) { _, _, _ in }
      let end = partition.highWatermark
      var writer = RecordBatchWriter()
      writer.append(timestampMillis: 1, key: nil, value: [1, 2, 3].span.bytes)
      try partition.append(writer.finish(), completion: nil)
      try partition.sync()
      precondition(partition.highWatermark == end + 1, "appended one to \(end), now \(partition.highWatermark)")
    }
  }

  /// An index may be wrong; what is read may not.
  private static func openWithIndex(_ bytes: [UInt8], _ stored: StoredLog) throws {
    let files = stored.files.copy()
    let suffix = (bytes.first ?? 0) & 1 == 0 ? ".index" : ".timeindex"
    files.files[stored.paths(suffix).last ?? ""] = MemoryFile(Array(bytes.dropFirst()))
    let log = try StoredLog.open(files)
    defer { log.close() }
    let partition = try log.partition(Topic.ticks.name, 0)
    precondition(partition.highWatermark == StoredLog.recordCount, "ends at \(partition.highWatermark)")
    for start in stride(from: StoredLog.recordCount - 40, to: StoredLog.recordCount, by: 7) {
      try readAll(partition, from: start) { offset, timestampMillis, value in
        let expected = stored.records[Int(offset)]
        precondition(expected.timestampMillis == timestampMillis && expected.value == value, "wrong at \(offset)")
      }
    }
  }

  private static func readAll(
    _ partition: some PartitionLog, from start: Int64? = nil, _ body: (Int64, Int64, [UInt8]) -> Void
  ) throws {
    var offset = start ?? partition.startOffset
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    while try partition.read(from: offset, maxBytes: 4000, into: &buffer) {
      var rest = buffer.bytes
      while rest.byteCount > 0 {
        let header = try reader.open(rest, verifyingChecksum: true)
        try reader.forEachRecord { (record: RecordView) throws(CodecError) in
          if record.offset >= offset { body(record.offset, record.timestampMillis, [UInt8](record.value)) }
        }
        precondition(header.lastOffset >= offset, "a batch before \(offset)")
        offset = header.lastOffset + 1
        rest = rest.extracting(droppingFirst: header.byteCount)
      }
      buffer.removeAll()
    }
    precondition(offset == partition.highWatermark, "read to \(offset) of \(partition.highWatermark)")
  }

  // MARK: Checkpoints

  /// A task finds its place, whatever its newest checkpoint says, and folds on.
  private static func restore(_ bytes: [UInt8], _ stored: StoredLog) throws {
    let log = try StoredLog.open(stored.files.copy())
    defer { log.close() }
    let checkpoints = MemoryCheckpoints()
    checkpoints.content = stored.checkpoints.content
    guard let newest = checkpoints.content.keys.filter({ $0.hasPrefix("checkpoint") }).max(),
      let right = checkpoints.content[newest]
    else { return }
    checkpoints.content[newest] = sealed(bound(bytes, as: right), bigEndian: false)
    let task = try StoredLog.task(log, checkpoints)
    while try task.step() != .caughtUp {}
    try task.checkpointNow()
  }

  /// With the epochs and the fingerprint of `right`, so that the state behind them is looked at.
  private static func bound(_ bytes: [UInt8], as right: [UInt8]) -> [UInt8] {
    var bytes = bytes
    guard bytes.count >= 64 else { return bytes }
    bytes.replaceSubrange(8..<12, with: right[8..<12])
    bytes.replaceSubrange(24..<56, with: right[24..<56])
    // The outputs' epochs, as far as both have the same shape.
    var position = 64
    for _ in 0..<3 where position + 20 <= min(bytes.count, right.count) {
      bytes.replaceSubrange(position..<position + 4, with: right[position..<position + 4])
      position += 20 + Int(right[position + 12]) + Int(right[position + 13]) << 8
    }
    return bytes
  }
}
