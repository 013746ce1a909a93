// Positions as clients see them.

internal import Core
internal import Events

/// One record's place in a stream: `partition:offset`. Offset -1 is the place before the first.
package struct StreamPosition: Hashable, Sendable, CustomStringConvertible {
  package var partition: Int
  package var offset: Int64

  package init(partition: Int, offset: Int64) {
    self.partition = partition
    self.offset = offset
  }

  /// Reads `partition:offset`; nil if `text` is anything else.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.first != UInt8(ascii: "+") }),
      let partition = Int32(parts[0]), partition >= 0, let offset = Int64(parts[1]), offset >= -1, offset < .max
    else { return nil }
    self.init(partition: Int(partition), offset: offset)
  }

  package var description: String { "\(partition):\(offset)" }

  /// Reads the positions of several partitions, with commas between them.
  package static func list(_ text: String) -> [StreamPosition]? {
    var positions: [StreamPosition] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let position = StreamPosition(part) else { return nil }
      positions.append(position)
    }
    return positions
  }
}

/// Where a subscription or a replay begins.
package enum StreamStart: Hashable, Sendable {
  /// With what is appended from now on.
  case now
  /// With the newest value of every key, then what changes after it.
  case snapshot
  /// With the first retained record.
  case earliest
  /// With the first record whose event time is at or after this moment, in milliseconds since 1970.
  case time(millis: Int64)
  /// After these positions, one for each partition.
  case after([StreamPosition])
  /// Where a token was issued.
  case token(String)
}

extension StreamStart {
  /// The moment that an RFC 3339 text names, rounded to the millisecond before; nil if it names none.
  package static func time(rfc3339 text: String) -> StreamStart? {
    RFC3339.parse(text).map { .time(millis: Timestamp(nanos: $0).millis) }
  }
}
