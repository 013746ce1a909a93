// One line of a recording: a frame and when it came.

import Codecs
import Core
import Events

/// A frame as it was captured. The payload's buffer is reused from line to line.
struct RecordedFrame: Sendable {
  private enum Field: Int, JSONFieldName {
    case time, direction, text, base64
    static let names: [PackedKey] = ["t", "dir", "text", "base64"]
  }

  private(set) var receivedAt = Timestamp(nanos: 0)
  /// Sent by the client, such as a subscription.
  private(set) var isOutgoing = false
  private(set) var isBinary = false
  private(set) var payload = [UInt8]()

  /// Reads `{"t": microseconds since 1970, "dir": "in" or "out", "text" or "base64": the frame}`.
  mutating func read(_ line: RawSpan) throws(FrameRejection) {
    let fields = try JSONFields<Field>(line)
    guard let time = try fields.time(.time, digits: 6) else { throw fields.rejection(.time, "a line without a time") }
    receivedAt = time
    switch fields.word(.direction) {
    case "in": isOutgoing = false
    case "out": isOutgoing = true
    default: throw fields.rejection(.direction, "neither in nor out")
    }
    payload.removeAll(keepingCapacity: true)
    if fields[.text].token == .string {
      isBinary = false
      fields.withText(.text) { payload.append(contentsOf: [UInt8]($0)) }
      return
    }
    guard fields[.base64].token == .string else { throw fields.rejection(.text, "a line without a frame") }
    isBinary = true
    do { try fields.withText(.base64) { text throws(CodecError) in try decode(text) } } catch {
      throw FrameRejection(error, base: fields[.base64].start)
    }
  }

  /// Standard base64 with padding, by way of the URL-safe alphabet, whose decoder there is.
  private mutating func decode(_ text: RawSpan) throws(CodecError) {
    var letters = [UInt8](text)
    while letters.last == UInt8(ascii: "=") { letters.removeLast() }
    for index in letters.indices {
      switch letters[index] {
      case UInt8(ascii: "+"): letters[index] = UInt8(ascii: "-")
      case UInt8(ascii: "/"): letters[index] = UInt8(ascii: "_")
      default: break
      }
    }
    var decoded = ByteWriter(capacity: letters.count)
    try Base64URL.decode(unsafe letters.span.bytes, into: &decoded)
    payload.append(contentsOf: decoded.copy())
  }
}
