// Murmur2 as Kafka's Java clients compute it, so that a key lands in the same partition whoever writes it.

package enum Murmur2 {
  /// The 32-bit hash with Kafka's seed.
  package static func hash(_ bytes: RawSpan) -> Int32 {
    let multiplier: UInt32 = 0x5bd1_e995
    let count = bytes.byteCount
    var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
    var position = 0
    while count - position >= 4 {
      var word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self).littleEndian
      word = word &* multiplier
      word = (word ^ (word >> 24)) &* multiplier
      hash = hash &* multiplier ^ word
      position += 4
    }
    if position < count {
      for index in stride(from: count - 1, through: position, by: -1) {
        let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
        hash ^= UInt32(byte) << UInt32(8 * (index - position))
      }
      hash = hash &* multiplier
    }
    hash = (hash ^ (hash >> 13)) &* multiplier
    return Int32(bitPattern: hash ^ (hash >> 15))
  }

  /// The partition of `key` among `count`, which is at least one.
  package static func partition(key: RawSpan, count: Int) -> Int {
    precondition(count > 0)
    return Int(hash(key) & Int32.max) % count
  }
}
