// The records of a stored partition, one after another, for whoever compares them.

import Codecs
import Log

/// Reads a partition in order, from its first record to the end that it had when this began.
struct StoredRecords<Partition: PartitionLog>: ~Copyable {
  /// Why a record cannot be read.
  enum Failure: Error {
    case log(LogError)
    case batch(CodecError)
    /// Offsets are not contiguous: this one came instead, or none.
    case hole(found: Int64?)
  }

  let partition: Partition
  /// The offset behind the current record.
  private(set) var offset: Int64
  let end: Int64
  private var chunk = ByteWriter(capacity: 1 << 20)
  /// Where in `chunk` the batches that were not opened yet begin.
  private var nextBatch = 0
  private var reader = RecordBatchReader()
  /// The open batch's records.
  private var records = DerivedRecords()
  /// The current record and the one behind it, as positions in `records`.
  private var current = 0
  private var following = 0

  init(_ partition: Partition) {
    self.partition = partition
    offset = partition.startOffset
    end = partition.highWatermark
  }

  var isAtEnd: Bool { offset >= end }

  /// The current record in the canonical form of `DerivedRecords`. Only after `advance`.
  var entry: RawSpan { @_lifetime(borrow self) get { records.entry(at: current) } }

  /// Makes the next record the current one. Not at the end.
  mutating func advance() throws(Failure) {
    while following >= records.bytes.byteCount { try openNextBatch() }
    current = following
    following += records.entry(at: current).byteCount
    offset += 1
  }

  private mutating func openNextBatch() throws(Failure) {
    if nextBatch >= chunk.count {
      chunk.removeAll()
      nextBatch = 0
      var isRead = false
      do throws(LogError) {
        isRead = try partition.read(from: offset, maxBytes: 1 << 20, into: &chunk)
      } catch {
        throw .log(error)
      }
      guard isRead else { throw .hole(found: nil) }
    }
    records.removeAll()
    following = 0
    do throws(CodecError) {
      nextBatch += try Self.flatten(chunk, from: nextBatch, &reader, startingAt: offset, into: &records)
    } catch {
      throw .batch(error)
    }
    if records.count > 0, records.cause(0) != offset { throw .hole(found: records.cause(0)) }
  }

  /// Copies the records of one batch, with their offsets as causes. Returns the batch's size.
  private static func flatten(
    _ chunk: borrowing ByteWriter, from start: Int, _ reader: inout RecordBatchReader, startingAt offset: Int64,
    into records: inout DerivedRecords
  ) throws(CodecError) -> Int {
    let header = try reader.open(chunk.bytes.extracting(start..<chunk.count), verifyingChecksum: false)
    var cursor = reader.records
    while try cursor.advance() {
      let record = cursor.record
      if record.offset < offset { continue }
      records.append(timestampMillis: record.timestampMillis, key: record.key, cause: record.offset) {
        $0.append(record.value)
      }
    }
    return header.byteCount
  }
}
