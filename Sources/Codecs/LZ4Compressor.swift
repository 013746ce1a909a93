// LZ4 frames, the output side.

internal import CLZ4

/// Writes LZ4 frames as Kafka expects them: independent blocks, no content checksum. Owns the library's compression
/// context, made with the first frame and freed with this value; one thread at a time.
@safe package struct LZ4Compressor: ~Copyable, @unchecked Sendable {  // Sendable: unique owner of its context.
  private var context: OpaquePointer?

  package init() {}

  deinit { if let context = unsafe context { unsafe LZ4F_freeCompressionContext(context) } }

  /// Appends one frame that holds `bytes`.
  package mutating func append(_ bytes: RawSpan, to output: inout ByteWriter) throws(CodecError) {
    if unsafe context == nil { try makeContext() }
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max256KB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    preferences.frameInfo.contentSize = UInt64(bytes.byteCount)
    preferences.compressionLevel = CodecLimits.lz4Level
    preferences.autoFlush = 1
    let bound = unsafe LZ4F_compressBound(bytes.byteCount, &preferences) + 32
    var failure: Int?
    unsafe output.append(upTo: bound) { room in
      var written = 0
      for step in 0..<3 {
        guard let target = unsafe room.baseAddress.map({ unsafe $0 + written }) else { return 0 }
        let space = bound - written
        let code =
          switch step {
          case 0: unsafe LZ4F_compressBegin(context, target, space, &preferences)
          case 1:
            unsafe bytes.withUnsafeBytes { source in
              unsafe LZ4F_compressUpdate(context, target, space, source.baseAddress, source.count, nil)
            }
          default: unsafe LZ4F_compressEnd(context, target, space, nil)
          }
        guard LZ4F_isError(code) == 0 else {
          failure = code
          return 0
        }
        written += code
      }
      return written
    }
    if failure != nil { throw .malformed(at: 0, reason: "LZ4 could not compress") }
  }

  private mutating func makeContext() throws(CodecError) {
    let code = unsafe LZ4F_createCompressionContext(&context, UInt32(LZ4F_VERSION))
    guard LZ4F_isError(code) == 0 else { throw .malformed(at: 0, reason: "no memory for an LZ4 context") }
  }
}
