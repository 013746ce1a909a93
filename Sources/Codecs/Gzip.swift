// Gzip (RFC 1952), the input side: what some venues send in place of text.

internal import CZlib

package enum Gzip {
  /// Appends the content of the one gzip member in `bytes`, at most `limit` bytes. After an error `output` may hold a
  /// part of it.
  package static func inflate(_ bytes: RawSpan, limit: Int, into output: inout ByteWriter) throws(CodecError) {
    guard let inputCount = UInt32(exactly: bytes.byteCount) else {
      throw .tooLarge(at: 0, reason: "compressed data of 4 GiB or more")
    }
    var stream = unsafe z_stream()
    // 15 bits of window, and 16 for the gzip wrapper alone.
    let code = unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { throw .malformed(at: 0, reason: "no memory for zlib") }
    defer { unsafe _ = inflateEnd(&stream) }
    let start = output.count
    var status = Z_OK
    unsafe bytes.withUnsafeBytes { source in
      let first = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
      // zlib reads through a pointer that it declares mutable and never writes to.
      unsafe stream.next_in = UnsafeMutablePointer(mutating: first)
      unsafe stream.avail_in = inputCount
      while status == Z_OK, output.count - start <= limit {
        let room = min(max(bytes.byteCount &* 4, 4096), 1 << 20, limit + 1 - (output.count - start))
        unsafe output.append(upTo: room) { target in
          unsafe stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
          unsafe stream.avail_out = UInt32(room)
          status = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
          return unsafe room - Int(stream.avail_out)
        }
      }
    }
    let consumed = unsafe bytes.byteCount - Int(stream.avail_in)
    guard output.count - start <= limit else { throw .tooLarge(at: 0, reason: "gzip data of more than \(limit) bytes") }
    if status == Z_BUF_ERROR { throw .truncated(at: consumed) }
    guard status == Z_STREAM_END else { throw .malformed(at: consumed, reason: "not valid gzip data") }
    guard consumed == bytes.byteCount else { throw .malformed(at: consumed, reason: "bytes after the gzip data") }
  }
}
