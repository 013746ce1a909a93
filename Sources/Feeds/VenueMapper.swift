// From a venue's frames to ticks: the port that every mapper implements.

import Codecs
import Core
package import Events

/// The venues whose frames are understood. The raw value is the source's name, and that of the recording's file.
package enum Venue: String, Sendable, CaseIterable {
  case binance
  case coinbase
  case huobi
  case kraken
  case kucoin
  case okx
}

/// Understands the frames of one connection to a venue. Pure: no clock, no I/O; the state is what finds lost messages.
package protocol VenueMapper: Sendable {
  static var venue: Venue { get }

  init()

  /// Appends the ticks of one text frame, if it has any, and says what it was. `receivedAt` stands in where the frame
  /// has no time. Throws for a frame that is not as documented; ticks that it appended are then taken back.
  mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind

  /// The same of a binary frame.
  mutating func mapBinary(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind
}

extension VenueMapper {
  static var source: String { venue.rawValue }

  package mutating func mapBinary(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    throw FrameRejection(reason: "a binary frame, where \(Self.source) sends text", byteOffset: 0)
  }

  /// Maps a text frame. Never throws, never traps; `ticks` grows by what the outcome says.
  package mutating func map(text frame: RawSpan, receivedAt: Timestamp, into ticks: inout [Tick]) -> FrameOutcome {
    MappedFrame.outcome(of: frame, into: &ticks) { output throws(FrameRejection) in
      try mapText(frame, receivedAt: receivedAt, into: &output)
    }
  }

  /// Maps a binary frame. Never throws, never traps; `ticks` grows by what the outcome says.
  package mutating func map(binary frame: RawSpan, receivedAt: Timestamp, into ticks: inout [Tick]) -> FrameOutcome {
    MappedFrame.outcome(of: frame, into: &ticks) { output throws(FrameRejection) in
      try mapBinary(frame, receivedAt: receivedAt, into: &output)
    }
  }
}
