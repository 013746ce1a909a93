// Consecutive trade numbers: what is missing, and what comes twice.

import Core
import Events

/// Follows the trade numbers of each instrument of a venue that counts its trades without holes.
struct TradeNumbers: Sendable {
  enum Step: Equatable {
    /// The first of its instrument, or the one that follows the last.
    case next
    /// Trades before this one are lost.
    case gap
    /// No newer than what was seen.
    case repeated
  }

  private struct Last {
    var number: Int64
    var time: Timestamp
  }

  /// Keys compare as bytes: as Swift strings, two spellings of one character would be one instrument.
  private struct Key: Hashable {
    let instrument: String

    static func == (left: Key, right: Key) -> Bool { left.instrument.utf8.elementsEqual(right.instrument.utf8) }
    func hash(into hasher: inout Hasher) { for byte in instrument.utf8 { hasher.combine(byte) } }
  }

  private var lasts: [Key: Last] = [:]

  init() {}

  /// The last number seen of `instrument`.
  func last(_ instrument: String) -> Int64? { lasts[Key(instrument: instrument)]?.number }

  /// Takes the trades `first...last` of `instrument`, which happened at `time`. A lower number at a later time is not
  /// a repetition: the venue has begun to count anew.
  mutating func take(_ instrument: String, _ first: Int64, through last: Int64, at time: Timestamp) -> Step {
    guard let known = lasts[Key(instrument: instrument)] else {
      if lasts.count < Limits.venueInstrumentsMax {
        lasts[Key(instrument: instrument)] = Last(number: last, time: time)
      }
      return .next
    }
    if last <= known.number, time <= known.time { return .repeated }
    lasts[Key(instrument: instrument)] = Last(number: last, time: max(time, known.time))
    return first > known.number && first - 1 > known.number ? .gap : .next
  }
}
