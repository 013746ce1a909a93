// Records of one partition on their way to another log.

import Codecs
import Core
import Log

/// What is copied at once: all of it or, after a crash, a beginning that the target's end tells.
struct CopyChunk: Sendable {
  /// Half of what librdkafka queues, so that handing over a chunk never waits.
  static let recordsMax = 100_000
  /// As many bytes before compression: some dozen batches, a fraction of a second.
  static let bytesMax = 8 << 20
  /// So that its note, of up to 30 bytes a run, is a small record.
  static let runsMax = 8000

  var batches: [EncodedBatch] = []
  /// As if the target began at 0.
  var runs: [CopyRun] = []
  var recordCount = 0
  /// The source offset to go on at.
  var next: Int64

  /// The value under which the target notes the chunk, once it is known where that begins.
  func note(at target: Int64, _ epochs: CopyEpochs) -> [UInt8] {
    let placed = runs.map { CopyRun(source: $0.source, target: target + $0.target, count: $0.count) }
    return CopyMap.encode(placed, epochs)
  }
}

/// Reads one partition in chunks: every record with its time, key, value and headers as they are, packed anew.
struct CopyReader<Partition: PartitionLog>: ~Copyable {
  private let partition: Partition
  private var buffer = ByteWriter(capacity: 2 << 20)
  private var reader = RecordBatchReader()

  init(_ partition: Partition) { self.partition = partition }

  /// The records from `start` on and before `end`, or the first of them. Offsets without a record are left out.
  mutating func chunk(from start: Int64, to end: Int64) throws(LogError) -> CopyChunk {
    var packer = ChunkPacker(from: start, to: end)
    while packer.goesOn {
      buffer.removeAll()
      let next = packer.next
      guard try partition.read(from: next, maxBytes: 1 << 20, into: &buffer) else { break }
      do throws(CodecError) {
        try Self.take(buffer, &reader, into: &packer)
      } catch {
        throw .corrupt(
          file: "\(partition.topic)-\(partition.index)", byte: next, reason: "after this offset: \(error)")
      }
    }
    return packer.finish()
  }

  private static func take(
    _ buffer: borrowing ByteWriter, _ reader: inout RecordBatchReader, into packer: inout ChunkPacker
  ) throws(CodecError) {
    var place = 0
    while place < buffer.count, packer.goesOn {
      let header = try reader.open(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
      var cursor = reader.records
      while try cursor.advance() { if !packer.take(cursor) { return } }
      packer.skip(to: header.lastOffset + 1)
      place += header.byteCount
    }
  }
}

/// Makes one chunk of the records that it is shown.
private struct ChunkPacker: ~Copyable {
  private var chunk: CopyChunk
  private let end: Int64
  private var writer = RecordBatchWriter()
  private var byteCount = 0

  init(from start: Int64, to end: Int64) {
    chunk = CopyChunk(next: start)
    self.end = end
  }

  var next: Int64 { chunk.next }
  private var isFull: Bool {
    chunk.recordCount >= CopyChunk.recordsMax || byteCount >= CopyChunk.bytesMax
      || chunk.runs.count >= CopyChunk.runsMax
  }
  /// Whether it takes more.
  var goesOn: Bool { chunk.next < end && !isFull }

  /// No record lies before `offset` any more.
  mutating func skip(to offset: Int64) { chunk.next = max(chunk.next, min(end, offset)) }

  /// Takes the record, unless it lies before the chunk. False if it is not part of it any more.
  mutating func take(_ cursor: borrowing RecordCursor) -> Bool {
    guard cursor.offset >= chunk.next else { return true }
    guard cursor.offset < end, !isFull else { return false }
    if writer.byteCount >= Limits.importBatchBytes || writer.recordCount >= Limits.batchRecordsMax { flush() }
    let record = cursor.record
    writer.append(
      timestampMillis: record.timestampMillis, key: record.hasKey ? record.key : nil,
      value: record.hasValue ? record.value : nil, headers: cursor.storedHeaders)
    byteCount += record.key.byteCount + record.value.byteCount + cursor.storedHeaders.byteCount
    if let last = chunk.runs.last, last.source + last.count == cursor.offset {
      chunk.runs[chunk.runs.count - 1].count += 1
    } else {
      chunk.runs.append(CopyRun(source: cursor.offset, target: Int64(chunk.recordCount), count: 1))
    }
    chunk.recordCount += 1
    chunk.next = cursor.offset + 1
    return true
  }

  private mutating func flush() {
    guard writer.recordCount > 0 else { return }
    chunk.batches.append(writer.finish())
  }

  consuming func finish() -> CopyChunk {
    flush()
    return chunk
  }
}
