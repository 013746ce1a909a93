// For whoever writes a segment from pieces of others, such as a repair.

internal import Codecs
internal import Core

extension LogFile {
  /// Says of each batch in the first `end` bytes that all before it was on disk when it was written (see `BatchFrame`):
  /// what they said of their old places does not hold in new ones. True as soon as the file is synced, so sync it
  /// before it takes the name of a segment; an input partition's `durable.end` goes before that, if the segment is its
  /// last one.
  func clearUnsyncedBytes(to end: Int64) throws(FileError) {
    var header = ByteWriter(capacity: BatchFrame.headerBytes)
    var zeros = ByteWriter(capacity: 4)
    zeros.append(bigEndian: Int32(0))
    var position: Int64 = 0
    while position < end {
      header.removeAll()
      try read(BatchFrame.headerBytes, at: position, into: &header)
      guard let frame = BatchFrame(header.bytes, byteCountMax: Limits.batchBytesMax) else { return }
      if frame.unsyncedBytes != 0 { try write(zeros.bytes, at: position + 12) }
      position += Int64(frame.byteCount)
    }
  }
}
