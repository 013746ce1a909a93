// A hash of everything in a derived partition, that a restart can take up where it stopped.

import Codecs

/// SHA-256 chained over blocks of a byte stream: H(0) is 32 zero bytes, H(n) = SHA-256(H(n-1) | block n), and the value
/// is SHA-256(H(n) | the bytes behind the last whole block). It depends on the bytes alone, not on how they came in
/// pieces, and, unlike a plain SHA-256 of the stream, its state can be saved without the library's internals.
package struct RecordHash: ~Copyable {
  private var chained = [UInt8](repeating: 0, count: 32)
  private var rest = ByteWriter(capacity: ProcessorLimits.hashBlockBytes)

  package init() {}

  package mutating func update(_ bytes: RawSpan) {
    var position = 0
    while true {
      let taken = min(bytes.byteCount - position, ProcessorLimits.hashBlockBytes - rest.count)
      let part = bytes.extracting(position..<(position + taken))
      position += taken
      guard rest.count + taken == ProcessorLimits.hashBlockBytes else { return rest.append(part) }
      // A whole block is hashed where it lies.
      chained = hash(of: part)
      rest.removeAll()
    }
  }

  /// The hash of all bytes so far: 32 bytes.
  package var value: [UInt8] { hash(of: RawSpan()) }

  /// With `last` behind what waits for its block to be whole.
  private func hash(of last: RawSpan) -> [UInt8] {
    var digest = SHA256Digest()
    digest.update(unsafe chained.span.bytes)
    digest.update(rest.bytes)
    digest.update(last)
    return digest.finalize()
  }

  func save(into writer: inout ByteWriter) {
    writer.append(unsafe chained.span.bytes)
    writer.append(littleEndian: Int64(rest.count))
    writer.append(rest.bytes)
  }

  mutating func restore(from reader: inout ByteReader) throws(CodecError) {
    chained = [UInt8](try reader.read(count: 32))
    let count = try reader.readCount(max: ProcessorLimits.hashBlockBytes - 1)
    rest.removeAll()
    rest.append(try reader.read(count: count))
  }
}
