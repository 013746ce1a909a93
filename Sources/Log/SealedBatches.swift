// The batches of one sealed segment, front to back, each verified and open.

internal import Codecs
internal import Core

/// Reads with buffers of its own, outside all caches: a pass over everything would only push out what readers need.
struct SealedBatches<Files: LogFiles>: ~Copyable {
  private let path: String
  private let file: Files.File
  private let byteCount: Int64
  private let mayHaveGaps: Bool
  private var offset: Int64
  /// Where `chunk` begins in the file, and where in `chunk` the next batch does.
  private var position: Int64 = 0
  private var start = 0
  private var chunk = ByteWriter(capacity: 64)
  private var reader = RecordBatchReader()

  init(files: Files, names: SegmentNames, seal: SegmentSeal) throws(LogError) {
    path = names.log
    byteCount = seal.byteCount
    mayHaveGaps = seal.generation > 0
    offset = seal.baseOffset
    file = try onDisk { () throws(FileError) in try files.open(names.log, .read) }
  }

  /// The records of the open batch.
  var records: RecordCursor { @_lifetime(borrow self) get { reader.records } }

  /// Opens the next batch; nil at the end. Damage is `.corrupt`: it is never passed over.
  mutating func next() throws(LogError) -> RecordBatchHeader? {
    guard position + Int64(start) < byteCount else { return nil }
    if try !openNext() {
      try fill()
      guard try openNext() else {
        throw .corrupt(file: path, byte: position + Int64(start), reason: "no valid batch of this segment")
      }
    }
    return reader.openHeader
  }

  private mutating func fill() throws(LogError) {
    position += Int64(start)
    start = 0
    chunk.removeAll()
    do throws(FileError) {
      try file.read(Int(min(Int64(4 * Limits.batchBytesMax), byteCount - position)), at: position, into: &chunk)
    } catch { throw error.logError }
  }

  /// False if the chunk does not hold the next batch whole.
  private mutating func openNext() throws(LogError) -> Bool {
    guard let frame = BatchFrame(chunk.bytes, at: start, byteCountMax: Limits.batchBytesMax),
      frame.byteCount <= chunk.count - start, frame.baseOffset == offset, frame.isDense || mayHaveGaps
    else { return false }
    do throws(CodecError) {
      try Self.open(&reader, chunk, at: start)
    } catch {
      throw .corrupt(file: path, byte: position + Int64(start), reason: "\(error)")
    }
    offset = frame.lastOffset + 1
    start += frame.byteCount
    return true
  }

  private static func open(
    _ reader: inout RecordBatchReader, _ chunk: borrowing ByteWriter, at start: Int
  ) throws(CodecError) {
    try reader.open(chunk.bytes.extracting(start..<chunk.count), verifyingChecksum: true)
  }
}
