// State as bytes: what every `save` and `restore` shares.

package import Codecs

extension ByteWriter {
  package mutating func append(_ value: Int128) {
    append(littleEndian: UInt64(truncatingIfNeeded: value))
    append(littleEndian: Int64(truncatingIfNeeded: value >> 64))
  }
}

extension ByteReader {
  /// An integer that `ByteWriter.append(_: Int128)` wrote.
  @_lifetime(self: copy self)
  package mutating func readInt128() throws(CodecError) -> Int128 {
    let low = try read(littleEndian: UInt64.self)
    let high = try read(littleEndian: Int64.self)
    return Int128(high) << 64 | Int128(low)
  }

  /// A count written as a little-endian `Int64`, in 0...max: what damaged bytes can make a reader allocate is bounded.
  @_lifetime(self: copy self)
  package mutating func readCount(max: Int) throws(CodecError) -> Int {
    let start = position
    guard let count = Int(exactly: try read(littleEndian: Int64.self)), count >= 0, count <= max else {
      throw .tooLarge(at: start, reason: "a count beyond \(max)")
    }
    return count
  }
}
