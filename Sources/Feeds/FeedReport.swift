// Every frame of a recording accounted for.

import Core

/// What became of the frames of one venue: `lines` = `outgoing` + `withTicks` + `counted` + `rejected`.
package struct VenueReport: Equatable, Sendable {
  /// Lines that are not blank, each a frame or broken.
  package internal(set) var lines = 0
  /// Frames that the client sent.
  package internal(set) var outgoing = 0
  /// Frames that gave one tick or more.
  package internal(set) var withTicks = 0
  /// Frames without a price, counted by kind.
  package internal(set) var counted = 0
  /// Frames and lines that were no use.
  package internal(set) var rejected = 0
  /// Frames with ticks of which some elements were no use; they are among `withTicks`.
  package internal(set) var partial = 0
  package internal(set) var ticks = 0
  /// Frames with ticks and counted ones, by kind.
  package internal(set) var kinds: [FrameKind: Int] = [:]
  /// The first `Limits.reportReasonsMax` rejections: file, line, byte and reason.
  package internal(set) var reasons: [String] = []

  /// Whether every line has exactly one outcome.
  package var isComplete: Bool { lines == outgoing + withTicks + counted + rejected }

  mutating func note(_ outcome: FrameOutcome, at place: @autoclosure () -> String) {
    switch outcome {
    case .ticks(let count, let kind):
      withTicks += 1
      ticks += count
      kinds[kind, default: 0] += 1
    case .partial(let count, let kind, let rejection):
      withTicks += 1
      partial += 1
      ticks += count
      kinds[kind, default: 0] += 1
      note(rejection, at: place())
    case .counted(let kind):
      counted += 1
      kinds[kind, default: 0] += 1
    case .rejected(let rejection):
      rejected += 1
      note(rejection, at: place())
    }
  }

  private mutating func note(_ rejection: FrameRejection, at place: String) {
    guard reasons.count < Limits.reportReasonsMax else { return }
    reasons.append("\(place), byte \(rejection.byteOffset): \(rejection.reason)")
  }
}

/// What a recording held, venue by venue.
package struct FeedReport: Equatable, Sendable {
  package internal(set) var venues: [Venue: VenueReport] = [:]
  /// Files that could not be read to their end.
  package internal(set) var failures: [String] = []

  package init() {}

  /// Whether every line of every file has exactly one outcome.
  package var isComplete: Bool { failures.isEmpty && venues.values.allSatisfy(\.isComplete) }
  package var ticks: Int { venues.values.reduce(0) { $0 + $1.ticks } }
  package var lines: Int { venues.values.reduce(0) { $0 + $1.lines } }
  package var rejected: Int { venues.values.reduce(0) { $0 + $1.rejected } }

  /// The report as lines of text for a person: a line for each venue, then what went wrong.
  package var text: [String] {
    var text: [String] = []
    for venue in Venue.allCases {
      guard let report = venues[venue] else { continue }
      let kinds = FrameKind.allCases.compactMap { kind in report.kinds[kind].map { "\($0) \(kind.rawValue)" } }
      text.append(
        "\(venue.rawValue): \(report.lines) frames = \(report.withTicks) with \(report.ticks) ticks + "
          + "\(report.counted) counted + \(report.outgoing) outgoing + \(report.rejected) rejected ("
          + kinds.joined(separator: ", ") + ")")
      text += report.reasons.map { "  \($0)" }
    }
    return text + failures
  }
}
