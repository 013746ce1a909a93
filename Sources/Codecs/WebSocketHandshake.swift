// The WebSocket handshake (RFC 6455, section 4.2.2).

internal import CCrypto

package enum WebSocketHandshake {
  /// Appends the `Sec-WebSocket-Accept` that answers the client's `Sec-WebSocket-Key`. Throws for a key that is not
  /// the base64 of 16 bytes.
  package static func appendAccept(forKey key: RawSpan, to output: inout ByteWriter) throws(CodecError) {
    guard key.byteCount == 24 else { throw .malformed(at: 0, reason: "a WebSocket key that is not of 24 letters") }
    for position in 0..<24 {
      switch unsafe key.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self) {
      case UInt8(ascii: "=") where position >= 22: break
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        guard position < 22 else { fallthrough }
      default: throw .malformed(at: position, reason: "a WebSocket key that is not base64")
      }
    }
    var text = ByteWriter(capacity: 64)
    text.append(key)
    text.append(utf8: "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    var digest = ByteWriter(capacity: 32)
    unsafe text.bytes.withUnsafeBytes { input in
      unsafe digest.append(upTo: 20) { room in
        let start = unsafe input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe _ = SHA1(start, input.count, room.baseAddress?.assumingMemoryBound(to: UInt8.self))
        return 20
      }
    }
    output.append(base64: digest.bytes)
  }
}
