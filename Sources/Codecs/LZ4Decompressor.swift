// LZ4 frames, the input side.

internal import CLZ4

/// Reads LZ4 frames. Owns the library's decompression context, made with the first frame and freed with this value; one
/// thread at a time.
@safe package struct LZ4Decompressor: ~Copyable, @unchecked Sendable {  // Sendable: unique owner of its context.
  private var context: OpaquePointer?

  package init() {}

  deinit { if let context = unsafe context { unsafe LZ4F_freeDecompressionContext(context) } }

  /// Appends the content of the one frame in `frame`, at most `limit` bytes.
  package mutating func append(_ frame: RawSpan, limit: Int, to output: inout ByteWriter) throws(CodecError) {
    if unsafe context == nil {
      let code = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
      guard LZ4F_isError(code) == 0 else { throw .malformed(at: 0, reason: "no memory for an LZ4 context") }
    }
    // What an error or a cut-off frame left behind is not ours.
    unsafe LZ4F_resetDecompressionContext(context)
    var position = 0
    var produced = 0
    // Blocks go straight to their place while a whole one fits; through the library's own buffer otherwise.
    var room = min(max(frame.byteCount &* 3, 256 << 10), limit + 1)
    while true {
      var read = frame.byteCount - position
      var written = 0
      let available = room
      let hint = unsafe frame.withUnsafeBytes { source in
        var hint = 0
        unsafe output.append(upTo: available) { target in
          written = available
          let start = unsafe source.baseAddress.map { unsafe $0 + position }
          hint = unsafe LZ4F_decompress(context, target.baseAddress, &written, start, &read, nil)
          return written
        }
        return hint
      }
      guard LZ4F_isError(hint) == 0 else { throw .malformed(at: position, reason: "not a valid LZ4 frame") }
      position += read
      produced += written
      guard produced <= limit else { throw .tooLarge(at: 0, reason: "an LZ4 frame of more than \(limit) bytes") }
      if hint == 0 { break }
      if position == frame.byteCount, written < available { throw .truncated(at: position) }
      room = min(max(produced, 256 << 10), limit + 1 - produced)
    }
    guard position == frame.byteCount else { throw .malformed(at: position, reason: "bytes after the LZ4 frame") }
  }
}
