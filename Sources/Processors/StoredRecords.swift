// The records of a stored partition, one after another, for whoever compares them.

import Codecs
import Log

/// How a stored record is known to be the n-th that the fold gave.
package enum StoredPlaces: Sendable {
  /// By its offset, also where compaction took others.
  case offsets
  /// By counting, where transactions leave gaps between offsets. What compaction or retention took cannot be counted.
  case counts
}

/// Reads a partition in order, from its first record to the end that it had when this began. Each record has a place,
/// which is its offset or its number.
struct StoredRecords<Partition: PartitionLog>: ~Copyable {
  /// Why a record cannot be read.
  enum Failure: Error {
    case log(LogError)
    case batch(CodecError)
    /// There is nothing where batches must be.
    case hole
  }

  let partition: Partition
  private let places: StoredPlaces
  /// The first place that is retained.
  let start: Int64
  /// Behind the last place; where records are counted, that is known once the last one was met.
  private(set) var end: Int64
  /// How many records were met.
  private(set) var count: Int64 = 0
  /// The current record's place; -1 before the first, `end` behind the last.
  private(set) var place: Int64 = -1
  /// And its offset.
  private(set) var offset: Int64 = -1
  /// The first offset of which nothing was read yet, and where that ends.
  private var unread: Int64
  private let unreadEnd: Int64
  private var chunk = ByteWriter(capacity: 1 << 20)
  /// Where in `chunk` the batches that were not opened yet begin.
  private var nextBatch = 0
  private var reader = RecordBatchReader()
  /// The open batch's records, and the current one and the one behind it as positions in them.
  private var records = DerivedRecords()
  private var index = -1
  private var current = 0
  private var following = 0

  /// `place` is the first that is asked for.
  init(_ partition: Partition, _ places: StoredPlaces = .offsets, from place: Int64 = 0) {
    self.partition = partition
    self.places = places
    unreadEnd = partition.highWatermark
    start = places == .offsets ? max(place, partition.startOffset) : place
    end = places == .offsets ? unreadEnd : .max
    unread = places == .offsets ? start : partition.startOffset
  }

  /// The current record in the canonical form of `DerivedRecords`.
  var entry: RawSpan { @_lifetime(borrow self) get { records.entry(at: current) } }

  /// Makes the first record at or after `wanted` the current one; `place` says which that is.
  mutating func advance(to wanted: Int64) throws(Failure) {
    while place < wanted {
      index += 1
      while index >= records.count {
        guard unread < unreadEnd else {
          if places == .counts { end = min(end, place + 1) }
          place = end
          offset = unreadEnd
          return
        }
        try openNextBatch()
      }
      current = following
      following += records.entry(at: current).byteCount
      offset = records.cause(index)
      place = places == .offsets ? offset : place + 1
      count += 1
    }
  }

  private mutating func openNextBatch() throws(Failure) {
    if nextBatch >= chunk.count {
      chunk.removeAll()
      nextBatch = 0
      var isRead = false
      do throws(LogError) {
        isRead = try partition.read(from: unread, maxBytes: 1 << 20, into: &chunk)
      } catch {
        throw .log(error)
      }
      guard isRead else { throw .hole }
    }
    records.removeAll()
    index = 0
    following = 0
    let header: RecordBatchHeader
    do throws(CodecError) {
      header = try Self.flatten(chunk, from: nextBatch, &reader, startingAt: unread, into: &records)
    } catch {
      throw .batch(error)
    }
    guard (header.baseOffset...header.lastOffset).contains(unread) else { throw .hole }
    nextBatch += header.byteCount
    unread = header.lastOffset + 1
  }

  /// Copies the records of one batch, with their offsets as causes.
  private static func flatten(
    _ chunk: borrowing ByteWriter, from start: Int, _ reader: inout RecordBatchReader, startingAt offset: Int64,
    into records: inout DerivedRecords
  ) throws(CodecError) -> RecordBatchHeader {
    let header = try reader.open(chunk.bytes.extracting(start..<chunk.count), verifyingChecksum: false)
    var cursor = reader.records
    while try cursor.advance() {
      let record = cursor.record
      if record.offset < offset { continue }
      records.append(timestampMillis: record.timestampMillis, key: record.key, cause: record.offset) {
        $0.append(record.value)
      }
    }
    return header
  }
}
