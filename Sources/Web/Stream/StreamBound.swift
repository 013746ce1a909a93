// One end of a range of a stream's history, as a URL or a command line names it.

internal import Core
internal import Events

/// Ranges are half-open, `[from, to)`: the record at `from` is part of them, the one at `to` is not.
package enum StreamBound: Hashable, Sendable {
  /// The first retained record.
  case earliest
  /// After the last record at the time of asking.
  case end
  /// The first record whose event time is at or after this moment, in milliseconds since 1970.
  case time(millis: Int64)
  /// This record. A range with a position is of the position's partition alone.
  case position(StreamPosition)

  /// `earliest`, `now` or `end`, `partition:offset`, milliseconds since 1970, or RFC 3339; nil for anything else.
  package init?(_ text: String) {
    switch text {
    case "earliest": self = .earliest
    case "now", "end": self = .end
    default:
      if let millis = Int64(text), text.utf8.first != UInt8(ascii: "+") {
        self = .time(millis: millis)
      } else if let position = StreamPosition(text), position.offset >= 0 {
        self = .position(position)
      } else if case .time(let millis) = StreamStart.time(rfc3339: text) {
        self = .time(millis: millis)
      } else {
        return nil
      }
    }
  }

  /// What the texts look like, for messages.
  package static let forms = "earliest, now, partition:offset, milliseconds since 1970, or RFC 3339"
}
