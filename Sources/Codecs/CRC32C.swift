// CRC32C (Castagnoli, RFC 3720 appendix B.4): the checksum of Kafka's record batches and of our own files.

internal import CPlatform

/// CRC32C with the CPU's instruction where there is one, otherwise by table.
package enum CRC32C {
  /// The checksum of `bytes`, optionally going on from the checksum of what came before them.
  package static func checksum(_ bytes: RawSpan, continuing previous: UInt32 = 0) -> UInt32 {
    isAccelerated ? ~accelerated(bytes, ~previous) : ~tabled(bytes, ~previous)
  }

  /// The same by table alone, for CPUs without the instruction. Here for the test that compares the two.
  package static func checksumByTable(_ bytes: RawSpan) -> UInt32 { ~tabled(bytes, ~0) }

  private static let isAccelerated = millrace_crc32c_supported() != 0

  /// Bytes per stream of the three-fold loop: long enough that joining the streams costs nothing.
  private static let streamBytes = 1024

  private static func accelerated(_ bytes: RawSpan, _ start: UInt32) -> UInt32 {
    unsafe bytes.withUnsafeBytes { buffer in
      guard var next = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return start }
      var rest = buffer.count
      var crc = start
      while rest >= 3 * streamBytes {
        var streams = (crc, UInt32(0), UInt32(0))
        unsafe withUnsafeMutableBytes(of: &streams) { streams in
          guard let first = unsafe streams.assumingMemoryBound(to: UInt32.self).baseAddress else { return }
          unsafe millrace_crc32c_three(first, next, streamBytes / 8)
        }
        crc = shifted(shifted(streams.0) ^ streams.1) ^ streams.2
        unsafe next += 3 * streamBytes
        rest -= 3 * streamBytes
      }
      return unsafe millrace_crc32c(crc, next, rest)
    }
  }

  private static func tabled(_ bytes: RawSpan, _ start: UInt32) -> UInt32 {
    var crc = start
    for position in 0..<bytes.byteCount {
      let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
      crc = crc >> 8 ^ byteTable[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
    }
    return crc
  }

  /// The register after `streamBytes` zero bytes more: linear in its bits, so a lookup per byte.
  private static func shifted(_ crc: UInt32) -> UInt32 {
    shiftTable[Int(crc & 0xff)] ^ shiftTable[256 + Int(crc >> 8 & 0xff)]
      ^ shiftTable[512 + Int(crc >> 16 & 0xff)] ^ shiftTable[768 + Int(crc >> 24)]
  }

  private static let byteTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x82f6_3b78 }
  }

  private static let shiftTable: [UInt32] = (0..<1024).map { index in
    var crc = UInt32(index & 0xff) << UInt32(index >> 8 * 8)
    for _ in 0..<streamBytes { crc = crc >> 8 ^ byteTable[Int(crc & 0xff)] }
    return crc
  }
}
