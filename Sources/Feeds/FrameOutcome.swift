// What became of a frame: every frame has exactly one outcome.

import Codecs

/// What a frame is about, whatever its venue calls it.
package enum FrameKind: String, Sendable, CaseIterable {
  /// Trades as they happen.
  case trade
  /// Trades from before the subscription, sent once at its start.
  case pastTrade
  /// Trades that were seen before.
  case repeatedTrade
  /// The last price with the statistics of a day.
  case ticker
  /// Changes of an order book.
  case book
  case bookSnapshot
  /// The best bid and ask alone.
  case bookTop
  case candle
  case heartbeat
  /// The answer to a request of the client.
  case acknowledgement
  /// The state of the venue or of the connection.
  case status
  /// The venue announces something, such as the end of the connection.
  case notice
  /// The venue refuses something.
  case error
  /// A well-formed frame of a kind that the mapper does not know; venues add kinds at any time.
  case unknown
}

/// A frame that is not what its venue documents, and why. The venue or the line is at fault: count it, go on.
package struct FrameRejection: Error, Equatable, Sendable {
  /// For a person; names the field.
  package let reason: String
  /// The offset in the (inflated) frame where it shows.
  package let byteOffset: Int

  package init(reason: String, byteOffset: Int) {
    self.reason = reason
    self.byteOffset = byteOffset
  }

  init(_ error: CodecError, base: Int) {
    switch error {
    case .truncated(let at): self.init(reason: "the text ends too early", byteOffset: base + at)
    case .malformed(let at, let reason), .tooLarge(let at, let reason): self.init(reason: reason, byteOffset: base + at)
    case .checksumMismatch: self.init(reason: "a checksum does not match", byteOffset: base)
    }
  }
}

/// What a mapper made of a frame.
package enum FrameOutcome: Equatable, Sendable {
  /// So many ticks were appended, one or more.
  case ticks(Int, FrameKind)
  /// So many ticks were appended, but some elements of the frame were not as documented and left out; why the first
  /// was.
  case partial(Int, FrameKind, FrameRejection)
  /// A frame without a price, counted by its kind.
  case counted(FrameKind)
  /// Nothing of the frame was used.
  case rejected(FrameRejection)
}
