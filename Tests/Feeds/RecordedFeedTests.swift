// Recordings, small ones made here and the real ones where they are: every frame accounted for.

import Core
import Events
import Foundation
import Testing

@testable import Feeds

@Suite struct RecordedFeedTests {
  private static let start: Int64 = 1_700_000_000_000_000

  private static func line(_ micros: Int64, _ text: String, direction: String = "in") -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    return "{\"t\":\(start + micros),\"dir\":\"\(direction)\",\"text\":\"\(escaped)\"}"
  }

  private static func ticker(_ micros: Int64, _ price: Int) -> String {
    line(micros, #"{"type":"ticker","product_id":"BTC-USD","price":"\#(price)"}"#)
  }

  private static func kuCoin(_ micros: Int64, _ price: Int) -> String {
    line(
      micros,
      #"{"type":"message","topic":"/market/ticker:BTC-USDT","subject":"trade.ticker","data":{"price":"\#(price)"}}"#)
  }

  /// Writes the files to a directory of their own, plays them, and removes them.
  private static func play(
    _ files: [String: [String]], speedMilli: Int? = nil
  ) throws -> (ticks: [Tick], report: FeedReport, seconds: Double) {
    let directory = FileManager.default.temporaryDirectory.appending(path: "recording-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    for (name, lines) in files {
      try Data(lines.joined(separator: "\n").utf8).write(to: directory.appending(path: name))
    }
    let sink = CollectingSink()
    let feed = RecordedFeed(
      directory: directory.path(percentEncoded: false), speedMilli: speedMilli, clock: SystemClock(), sink: sink)
    let begin = SystemClock().monotonicNanos()
    feed.start()
    feed.wait()
    return (sink.ticks, feed.report, Double(SystemClock().monotonicNanos() - begin) / 1e9)
  }

  private static func texts(_ ticks: [Tick]) -> [String] {
    ticks.map {
      $0.kind == .clock ? "clock \($0.eventTime.nanos / 1_000_000_000)" : "\($0.source) \($0.price.raw / Int128(1e18))"
    }
  }

  @Test func filesAreMergedByTheTimeOfReceipt() throws {
    let (ticks, report, _) = try Self.play([
      "coinbase.jsonl": [Self.ticker(0, 1), Self.ticker(20, 3), Self.ticker(30, 4), Self.ticker(1_000_000, 6)],
      "kucoin-2023.jsonl": [Self.kuCoin(10, 2), Self.kuCoin(30, 5)],
      "notes.txt": ["nothing"],
      "other.jsonl": ["nothing"],
    ])
    #expect(
      Self.texts(ticks) == [
        "clock 1700000000", "coinbase 1", "kucoin 2", "coinbase 3", "coinbase 4", "kucoin 5", "clock 1700000001",
        "coinbase 6",
      ])
    #expect(report.venues[.coinbase]?.ticks == 4 && report.venues[.kucoin]?.ticks == 2 && report.venues.count == 2)
    #expect(report.isComplete && report.rejected == 0)
  }

  @Test func badLinesAreNamedAndDoNotStopTheFeed() throws {
    let (ticks, report, _) = try Self.play([
      "coinbase.jsonl": [
        Self.ticker(0, 1), "", "oops", #"{"t":1,"dir":"in"}"#, #"{"t":"x","dir":"in","text":""}"#,
        #"{"dir":"in","text":""}"#, #"{"t":1700000000000000,"dir":"up","text":""}"#,
        #"{"t":1700000000000000,"dir":"in","base64":"!"}"#, Self.line(10, "{}", direction: "out"),
        Self.line(10, "{"), Self.ticker(20, 2), Self.line(30, #"{"type":"heartbeat"}"#),
        Self.ticker(40, 3),
        #"{"t":1700000000000050,"dir":"in","base64":"AAAA"}"#,
      ]
    ])
    #expect(Self.texts(ticks) == ["clock 1700000000", "coinbase 1", "coinbase 2", "coinbase 3"])
    let venue = try #require(report.venues[.coinbase])
    #expect(venue.lines == 13 && venue.withTicks == 3 && venue.counted == 1 && venue.outgoing == 1)
    #expect(venue.rejected == 8 && venue.isComplete && report.isComplete)
    #expect(venue.reasons.count == Limits.reportReasonsMax)
    #expect(venue.reasons.first == "coinbase.jsonl, line 3, byte 0: no value where one must be")
    #expect(venue.reasons.dropFirst().first == "coinbase.jsonl, line 4, byte 0: text: a line without a frame")
  }

  @Test func linesOfAnyLengthAreReadAndThoseBeyondTheLimitPassedOver() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "lines-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: path) }
    let lengths = [1, 300_000, 0, 262_144, 262_143, 5, 700_000, 3, 600_000, 2, 900_000]
    let text = lengths.map { String(repeating: "x", count: $0) }.joined(separator: "\n")
    for ending in ["", "\n", "\r\n\n"] {
      try Data((text + ending).utf8).write(to: path)
      let file = try RecordingFile(path: path.path(percentEncoded: false), venue: .okx, lineBytesMax: 500_000)
      var found: [[Int]] = []
      while true {
        let line = try file.advance()
        if line == .end { break }
        let isWhole = ending.hasPrefix("\r") && file.lineNumber == lengths.count
        found.append([file.lineNumber, line == .tooLong ? -1 : file.withLine { $0.byteCount - (isWhole ? 1 : 0) }])
      }
      let expected = lengths.enumerated().filter { $0.element > 0 }.map {
        [$0.offset + 1, $0.element > 500_000 ? -1 : $0.element]
      }
      #expect(found == expected, "ending \(ending.debugDescription)")
    }
  }

  @Test func aLongPauseIsOneClockTick() throws {
    let hour: Int64 = 3_600_000_000
    let (ticks, _, _) = try Self.play([
      "coinbase.jsonl": [Self.ticker(0, 1), Self.ticker(3_000_000, 2), Self.ticker(2 * hour, 3)]
    ])
    #expect(
      Self.texts(ticks) == [
        "clock 1700000000", "coinbase 1", "clock 1700000001", "clock 1700000002", "clock 1700000003", "coinbase 2",
        "clock 1700007200", "coinbase 3",
      ])
  }

  @Test func aFactorShortensTheTime() throws {
    let lines = [Self.ticker(0, 1), Self.ticker(1_000_000, 2), Self.ticker(2_000_000, 3)]
    let (ticks, _, seconds) = try Self.play(["coinbase.jsonl": lines], speedMilli: 10_000)
    #expect(ticks.count == 6)
    #expect(seconds >= 0.195, "\(seconds) s for 2 s at tenfold speed")
  }

  @Test func playbackKeepsPaceAndCutsPauses() {
    var playback = PlaybackTime(speedMilli: 2_000, from: Timestamp(millis: 10_000), now: 77)
    #expect(playback.due(Timestamp(millis: 12_000)) == 1_000_000_077)
    #expect(playback.due(Timestamp(millis: 9_000)) == 77)
    #expect(!playback.isIdle(until: Timestamp(millis: 20_000)) && playback.isIdle(until: Timestamp(millis: 20_001)))
    playback.advance(to: Timestamp(millis: 12_000))
    #expect(playback.due(Timestamp(millis: 12_000)) == 1_000_000_077)
    playback.advance(to: Timestamp(nanos: .max))
    #expect(playback.due(Timestamp(nanos: .max)) == 6_000_000_077)
  }

  @Test func aPausedRecordingStopsAtOnce() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "recording-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let lines = [Self.ticker(0, 1), Self.ticker(3_600_000_000, 2)].joined(separator: "\n")
    try Data(lines.utf8).write(to: directory.appending(path: "coinbase.jsonl"))
    let sink = CollectingSink()
    let feed = RecordedFeed(
      directory: directory.path(percentEncoded: false), speedMilli: 1000, clock: SystemClock(), sink: sink)
    feed.start()
    sink.wait(for: 2)
    let start = SystemClock().monotonicNanos()
    feed.stop()
    #expect(SystemClock().monotonicNanos() - start < 100_000_000)
    #expect(Self.texts(sink.ticks) == ["clock 1700000000", "coinbase 1"])
  }

  @Test func aDirectoryWithoutRecordingsIsAnError() throws {
    #expect(throws: FeedError.self) { try RecordedFeed<SystemClock, CollectingSink>.check(directory: "/no/such/place") }
    #expect(throws: FeedError.noRecording("/proc/self/task")) {
      try RecordedFeed<SystemClock, CollectingSink>.check(directory: "/proc/self/task")
    }
  }
}
