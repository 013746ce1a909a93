// Resume tokens: epochs and offsets, opaque to clients.
//
//   version 1 | CRC32C of the stream name (4) | partitions | per partition: epoch, next offset | CRC32C of all that (4)
//   Counts, epochs and offsets are varints. As text in base64url without padding.

internal import Codecs
internal import Core

/// A place in every partition of a stream, and the histories that the places belong to.
package struct PositionToken: Hashable, Sendable {
  private static let version: UInt8 = 1
  /// More partitions than any topic has: bounds what a hostile token can make a reader allocate.
  private static let partitionsMax = 4_096
  private static let textBytesMax = Limits.Stream.messageBytesMax

  package var streamHash: UInt32
  package var epochs: [UInt32]
  /// The first offset that was not delivered yet.
  package var next: [Int64]

  package init(stream: String, epochs: [UInt32], next: [Int64]) {
    streamHash = Self.hash(stream)
    self.epochs = epochs
    self.next = next
  }

  package static func hash(_ stream: String) -> UInt32 { CRC32C.checksum(unsafe stream.utf8.span.bytes) }

  package var text: String {
    var writer = ByteWriter(capacity: 64)
    writer.append(Self.version)
    writer.append(bigEndian: streamHash)
    writer.append(unsignedVarint: UInt64(epochs.count))
    for (epoch, offset) in zip(epochs, next) {
      writer.append(unsignedVarint: UInt64(epoch))
      writer.append(varint: offset)
    }
    writer.append(bigEndian: CRC32C.checksum(writer.bytes))
    var text = ByteWriter(capacity: 96)
    text.append(base64URL: writer.bytes)
    return String(utf8: text.bytes)
  }

  /// Reads a token; nil if it is none of ours, or damaged.
  package init?(_ text: String) {
    var writer = ByteWriter(capacity: 64)
    guard text.utf8.count <= Self.textBytesMax,
      (try? Base64URL.decode(unsafe text.utf8.span.bytes, into: &writer)) != nil, writer.count > 4
    else { return nil }
    let body = writer.count - 4
    let span = writer.bytes
    var trailer = ByteReader(span.extracting(body..<writer.count))
    guard let checksum = try? trailer.read(bigEndian: UInt32.self),
      checksum == CRC32C.checksum(span.extracting(0..<body))
    else { return nil }
    guard let token = try? Self(body: span.extracting(0..<body)) else { return nil }
    self = token
  }

  private init(body: RawSpan) throws(CodecError) {
    var reader = ByteReader(body)
    guard try reader.readByte() == Self.version else { throw .malformed(at: 0, reason: "an unknown version") }
    streamHash = try reader.read(bigEndian: UInt32.self)
    let count = try reader.readUnsignedVarint()
    guard count >= 1, count <= UInt64(Self.partitionsMax) else { throw .tooLarge(at: 5, reason: "partitions") }
    epochs = []
    next = []
    for _ in 0..<count {
      let epoch = try reader.readUnsignedVarint()
      let offset = try reader.readVarint()
      guard let epoch = UInt32(exactly: epoch), offset >= 0 else { throw .malformed(at: reader.position, reason: "") }
      epochs.append(epoch)
      next.append(offset)
    }
    guard reader.isAtEnd else { throw .malformed(at: reader.position, reason: "bytes behind the token") }
  }
}
