// The part of a partition that a thread is reading: some batches as stored, and one of them open.

internal import Codecs
internal import Core
internal import Log

/// Walks through a partition batch by batch with two reused buffers. Belongs to one thread.
final class LogWindow<Partition: PartitionLog> {
  private(set) var partition: Partition
  private var epoch: UInt32
  private var batches = StoredBatches()

  init(_ partition: Partition) {
    self.partition = partition
    epoch = partition.epoch
  }

  /// Turns to another partition, keeping the buffers.
  func turn(to other: Partition) {
    partition = other
    forget()
  }

  /// Whether `seek` to this place needs no jump.
  func isAt(_ offset: Int64, of other: Partition) -> Bool {
    other === partition && epoch == other.epoch
      && (batches.openOffsets.contains(offset) || batches.openOffsets.upperBound == offset)
  }

  /// The offset after the open batch.
  var end: Int64 { batches.openOffsets.upperBound }

  /// Opens the batch of the first record at or after `offset`; false at the high watermark.
  func seek(_ offset: Int64) throws(StreamFailure) -> Bool {
    if epoch != partition.epoch || offset < batches.openOffsets.lowerBound { forget() }
    if batches.openOffsets.contains(offset) { return true }
    if try open(endingAfter: offset) { return true }
    batches.removeAll()
    guard try read(from: offset) else { return false }
    return try open(endingAfter: offset)
  }

  private func open(endingAfter offset: Int64) throws(StreamFailure) -> Bool {
    do throws(CodecError) {
      return try batches.openNext(endingAfter: offset)
    } catch {
      forget()
      throw StreamFailure(.logFailed, "\(partition.topic)-\(partition.index) at \(offset): \(error.explanation)")
    }
  }

  /// Calls `body` with the records of the open batch at or after `offset`, in order, until it returns false.
  func forEachRecord(
    from offset: Int64, _ body: (RecordView) throws(CodecError) -> Bool
  ) throws(StreamFailure) {
    do throws(CodecError) {
      try batches.forEachRecord(from: offset, body)
    } catch {
      throw StreamFailure(.logFailed, "\(partition.topic)-\(partition.index) after \(offset): \(error.explanation)")
    }
  }

  private func forget() {
    epoch = partition.epoch
    batches.removeAll()
  }

  private func read(from offset: Int64) throws(StreamFailure) -> Bool {
    do throws(LogError) {
      return try partition.read(from: offset, maxBytes: Limits.Stream.readBytes, into: &batches.stored)
    } catch {
      forget()
      if case .beforeStart(let earliest) = error {
        // Retention was faster than whoever reads: said by its own name, as starting anew helps.
        let first = StreamPosition(partition: partition.index, offset: earliest)
        throw StreamFailure(
          .positionExpired, "\(partition.index):\(offset) is no longer retained; the earliest is \(first)")
      }
      throw StreamFailure(reading: "\(partition.topic)-\(partition.index) at \(offset)", error)
    }
  }
}

extension PartitionLog {
  /// Whether `offset` is after the end: also where another edge told the position, which heard of it first.
  func endsBefore(_ offset: Int64) throws(StreamFailure) -> Bool {
    guard offset > highWatermark else { return false }
    do throws(LogError) {
      return try offset > latestEnd()
    } catch {
      throw StreamFailure(reading: "the end of \(topic)-\(index)", error)
    }
  }
}

/// Batches as they were stored, and the one that is open.
private struct StoredBatches: ~Copyable {
  var stored = ByteWriter(capacity: 0)
  private var batch = RecordBatchReader()
  /// Where in `stored` the batch after the open one begins.
  private var nextByte = 0
  /// Offsets of the open batch; empty when there is none.
  private(set) var openOffsets: Range<Int64> = 0..<0

  mutating func removeAll() {
    stored.removeAll()
    nextByte = 0
    openOffsets = 0..<0
  }

  /// Opens the next batch that does not end before `offset`; false if there is none.
  mutating func openNext(endingAfter offset: Int64) throws(CodecError) -> Bool {
    while nextByte < stored.count {
      let start = nextByte
      let header = try RecordBatchHeader.parse(stored.bytes.extracting(start...))
      nextByte += header.byteCount
      guard header.lastOffset >= offset else { continue }
      openOffsets = 0..<0
      try batch.open(stored, from: start)
      openOffsets = header.baseOffset..<header.lastOffset + 1
      return true
    }
    return false
  }

  func forEachRecord(
    from offset: Int64, _ body: (RecordView) throws(CodecError) -> Bool
  ) throws(CodecError) {
    var cursor = batch.records
    while try cursor.advance() {
      let record = cursor.record
      guard record.offset >= offset else { continue }
      guard try body(record) else { return }
    }
  }
}

extension RecordBatchReader {
  /// Opens the batch that begins at `start`, verifying its checksum.
  fileprivate mutating func open(_ stored: borrowing ByteWriter, from start: Int) throws(CodecError) {
    try open(stored.bytes.extracting(start...), verifyingChecksum: true)
  }
}
