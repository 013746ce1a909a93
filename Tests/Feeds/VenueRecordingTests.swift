// The recorded venues, frame by frame: none lost, none misunderstood.

import Core
import Events
import Feeds
import Foundation
import Testing

/// `MILLRACE_RECORDINGS`, or `../shared/data/recordings` beside the package.
enum Recordings {
  static let directory: String? = {
    let beside = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared/data/recordings")
    let path =
      ProcessInfo.processInfo.environment["MILLRACE_RECORDINGS"]
      ?? beside.standardizedFileURL.path(percentEncoded: false)
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()
}

@Suite(.enabled(if: Recordings.directory != nil, "SKIPPED: no recordings; set MILLRACE_RECORDINGS to their directory"))
struct VenueRecordingTests {
  private static func play() throws -> (ticks: [Tick], report: FeedReport) {
    let sink = CollectingSink()
    let feed = RecordedFeed(
      directory: try #require(Recordings.directory), speedMilli: nil, clock: SystemClock(), sink: sink)
    feed.start()
    feed.wait()
    return (sink.ticks, feed.report)
  }

  /// Counted with a few lines of Python over the same files.
  private static let expected: [Venue: (kinds: [FrameKind: Int], outgoing: Int, ticks: Int)] = [
    .coinbase: (
      [.book: 5861, .bookSnapshot: 10, .ticker: 46, .trade: 36, .pastTrade: 10, .acknowledgement: 3], 3, 92
    ),
    .kucoin: ([.book: 2285, .ticker: 509, .trade: 14, .candle: 5, .acknowledgement: 13, .status: 1], 13, 523),
    .okx: ([.book: 166, .bookSnapshot: 3, .trade: 39, .ticker: 18, .acknowledgement: 18], 3, 57),
    .binance: ([.book: 177, .bookTop: 84, .trade: 2, .candle: 2], 0, 2),
    .huobi: ([.bookSnapshot: 152, .trade: 34, .acknowledgement: 20, .heartbeat: 3], 23, 53),
    .kraken: ([.heartbeat: 26, .acknowledgement: 20, .ticker: 13, .trade: 3, .status: 2], 2, 16),
  ]

  @Test func everyFrameIsAccountedFor() throws {
    let (ticks, report) = try Self.play()
    #expect(report.isComplete, "\(report.text.joined(separator: "\n"))")
    #expect(report.rejected == 0, "\(report.text.joined(separator: "\n"))")
    for (venue, expected) in Self.expected {
      let actual = try #require(report.venues[venue])
      #expect(actual.kinds == expected.kinds, "\(venue)")
      #expect(actual.outgoing == expected.outgoing, "\(venue)")
      #expect(actual.ticks == expected.ticks, "\(venue)")
      #expect(actual.partial == 0, "\(venue)")
      #expect(actual.ticks == ticks.count { $0.source == venue.rawValue }, "\(venue)")
    }
    #expect(report.lines == 5969 + 2840 + 247 + 265 + 232 + 66)
    #expect(!ticks.contains { $0.kind == .gap })
  }

  /// Six venues on five days: seconds within each capture, one mark between them.
  @Test func secondsPassWithinCapturesOnly() throws {
    let (ticks, _) = try Self.play()
    let clocks = ticks.filter { $0.kind == .clock }.map { $0.eventTime.nanos / 1_000_000_000 }
    #expect(zip(clocks, clocks.dropFirst()).allSatisfy { $0 < $1 })
    #expect(clocks.count > 100 && clocks.count < 300, "\(clocks.count) seconds")
  }
}
