// The stored values of a partition and those that are handled: see `ValueEncoding`.

package import Codecs

extension PartitionLog {
  /// `batch` as it is stored. `.invalidBatch` if it breaks the format.
  package func stored(_ batch: EncodedBatch, in encoding: ValueEncoding) throws(LogError) -> EncodedBatch {
    do throws(CodecError) {
      return try encoding.stored(batch)
    } catch {
      throw .invalidBatch("\(error)")
    }
  }

  /// Translates the stored batches that begin at byte `start` of `buffer` and hold the record at `offset`.
  package func load(
    _ buffer: inout ByteWriter, from start: Int, _ encoding: ValueEncoding, at offset: Int64
  ) throws(LogError) {
    do throws(CodecError) {
      try encoding.load(&buffer, from: start)
    } catch {
      throw .corrupt(file: "\(topic)-\(index)", byte: offset, reason: "the batch at this offset: \(error)")
    }
  }

  /// Throws `.otherEncoding` unless the oldest records are stored in `encoding`, or in none. `read` gives batches as
  /// they are stored. What cannot be read says nothing: whoever needs it will be told.
  package func check(
    _ encoding: ValueEncoding, _ read: (Int64, inout ByteWriter) throws(LogError) -> Bool
  ) throws(LogError) {
    var buffer = ByteWriter()
    let start = startOffset
    guard start < highWatermark, (try? read(start, &buffer)) == true else { return }
    guard let found = encoding.conflict(in: buffer.bytes) else { return }
    throw .otherEncoding(topic: topic, found: found, wanted: encoding.name)
  }
}
