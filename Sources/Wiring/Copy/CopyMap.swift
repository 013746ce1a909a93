// Where the records of a copied partition lie in both logs, kept in the target log's topic `millrace.copies.v1`: one
// record for each chunk, under the key `<topic>-<partition>`.
//
//   version 1 | source epoch (4, big-endian) | target epoch (4) | count | per run: source offset,
//   target offset, records
//   Count, offsets and records are varints. The log's batches carry the checksum.

import Codecs
import Log

/// Records that follow each other without a gap in both logs.
struct CopyRun: Equatable, Sendable {
  var source: Int64
  var target: Int64
  var count: Int64
}

struct CopyEpochs: Equatable, Sendable {
  var source: UInt32
  var target: UInt32
}

/// All runs of one partition, ascending on both sides.
struct CopyMap: Equatable, Sendable {
  static let topic = TopicSettings(name: "millrace.copies.v1")
  private static let version: UInt8 = 1
  /// Of both partitions' histories, without which offsets mean nothing.
  let epochs: CopyEpochs
  private(set) var runs: [CopyRun] = []

  init(_ epochs: CopyEpochs) { self.epochs = epochs }

  static func key(_ topic: String, _ index: Int) -> String { "\(topic)-\(index)" }

  /// The source offset behind the last record that was copied.
  var sourceEnd: Int64 { runs.last.map { $0.source + $0.count } ?? 0 }
  /// The target offset behind it.
  var targetEnd: Int64 { runs.last.map { $0.target + $0.count } ?? 0 }

  /// Adds what was copied next. A chunk that was announced and not wholly written is cut where this one begins.
  mutating func append(_ run: CopyRun) {
    cut(at: run.target)
    if let last = runs.last, last.source + last.count == run.source, last.target + last.count == run.target {
      runs[runs.count - 1].count += run.count
    } else {
      runs.append(run)
    }
  }

  /// Forgets what lies at `target` or behind it.
  mutating func cut(at target: Int64) {
    while let last = runs.last, last.target + last.count > target {
      runs.removeLast()
      guard last.target < target else { continue }
      runs.append(CopyRun(source: last.source, target: last.target, count: target - last.target))
    }
  }

  /// Where the record at `source`, or the first one behind it, lies in the target; nil if it was not copied yet.
  func target(of source: Int64) -> Int64? {
    // The first run that ends behind it.
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].source + runs[middle].count > source { high = middle } else { low = middle + 1 }
    }
    guard low < runs.count else { return source == sourceEnd && !runs.isEmpty ? targetEnd : nil }
    return runs[low].target + max(0, source - runs[low].source)
  }

  // MARK: Bytes

  static func encode(_ runs: [CopyRun], _ epochs: CopyEpochs) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    writer.append(version)
    writer.append(bigEndian: epochs.source)
    writer.append(bigEndian: epochs.target)
    writer.append(varint: Int64(runs.count))
    for run in runs {
      writer.append(varint: run.source)
      writer.append(varint: run.target)
      writer.append(varint: run.count)
    }
    return writer.copy()
  }

  static func decode(_ bytes: RawSpan) throws(CodecError) -> (runs: [CopyRun], epochs: CopyEpochs) {
    var reader = ByteReader(bytes)
    guard try reader.readByte() == version else { throw .malformed(at: 0, reason: "a copy of another version") }
    let epochs = CopyEpochs(
      source: try reader.read(bigEndian: UInt32.self), target: try reader.read(bigEndian: UInt32.self))
    let count = try reader.readVarint()
    guard (0...Int64(CopyChunk.runsMax)).contains(count) else { throw .tooLarge(at: 9, reason: "\(count) runs") }
    var runs: [CopyRun] = []
    for _ in 0..<count {
      let run = CopyRun(
        source: try reader.readVarint(), target: try reader.readVarint(), count: try reader.readVarint())
      // Each may be any number that fits an offset; their sums must, too.
      guard run.source >= 0, run.target >= 0, run.count > 0, !run.source.addingReportingOverflow(run.count).overflow,
        !run.target.addingReportingOverflow(run.count).overflow
      else { throw .malformed(at: reader.position, reason: "a run that no log has") }
      runs.append(run)
    }
    guard reader.isAtEnd else { throw .malformed(at: reader.position, reason: "bytes behind the runs") }
    return (runs, epochs)
  }

  /// All maps of a log, by their keys; of each the latest epochs.
  static func load<Partition: PartitionLog>(_ partition: Partition) throws(LogError) -> [String: CopyMap] {
    var maps: [String: CopyMap] = [:]
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var offset = partition.startOffset
    while offset < partition.highWatermark {
      buffer.removeAll()
      guard try partition.read(from: offset, maxBytes: 1 << 20, into: &buffer) else { break }
      do throws(CodecError) {
        offset = try add(buffer, &reader, to: &maps)
      } catch {
        throw .corrupt(file: topic.name, byte: offset, reason: "after this offset: \(error)")
      }
    }
    return maps
  }

  private static func add(
    _ buffer: borrowing ByteWriter, _ reader: inout RecordBatchReader, to maps: inout [String: CopyMap]
  ) throws(CodecError) -> Int64 {
    var place = 0
    var next: Int64 = 0
    while place < buffer.count {
      let header = try reader.open(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
      try reader.forEachRecord { (record) throws(CodecError) in
        let entry = try decode(record.value)
        let key = String(utf8: record.key)
        var map = maps[key] ?? CopyMap(entry.epochs)
        if map.epochs != entry.epochs { map = CopyMap(entry.epochs) }
        for run in entry.runs { map.append(run) }
        maps[key] = map
      }
      place += header.byteCount
      next = header.lastOffset + 1
    }
    return next
  }
}
