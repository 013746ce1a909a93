// Streams of a topic of which retention took the front.

import Codecs
import Core
import Events
import Log
import Testing

@testable import Web

@Suite(.serialized) struct RetainedStreamTests {
  /// A topic whose first record, of the key "OLD", is the only one of it; forty batches of "A" and "B" follow.
  private func fixture() throws -> StreamFixture {
    var options = LogOptions()
    options.segmentBytes = 2000
    let fixture = try StreamFixture(options: options, ticks: TopicPolicy(retentionBytes: 0))
    try fixture.append(["OLD"])
    for round in 0..<40 { try fixture.append(["A", "B"], firstMillis: 1_700_000_001_000 + Int64(round) * 10) }
    return fixture
  }

  private func log(_ fixture: StreamFixture) throws -> EmbeddedPartition {
    try fixture.log.partition(Topic.ticks.name, 0)
  }

  private func frames(_ fixture: StreamFixture, from: String) -> [ServerText] {
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":\#(from)}"#)
    var frames: [ServerText] = []
    while let frame = client.nextText(), frame.type != "caughtUp" {
      frames.append(frame)
      if frame.type == "error" { break }
    }
    return frames
  }

  @Test func whatIsGoneIsSaid() throws {
    let fixture = try fixture()
    // The server knows the old positions before they go.
    fixture.server.start()
    while !fixture.server.isReady { NamedThread.sleep(nanos: 1_000_000) }
    #expect(frames(fixture, from: #""snapshot""#).contains { $0.fields["key"] == "OLD" })
    try fixture.log.maintain()
    let start = try log(fixture).startOffset
    #expect(start > 1)
    let all = frames(fixture, from: #""earliest""#).filter { $0.type == "data" }
    #expect(all.map { $0.fields["pos"] } == (start..<81).map { "0:\($0)" })
    let expired = frames(fixture, from: #"{"pos":"0:0"}"#)
    #expect(expired.last?.type == "error" && expired.last?.text.contains("position_expired") == true)
    #expect(expired.last?.text.contains("0:\(start - 1)") == true, "\(expired)")
    // A key whose newest record went is not there any more; the others are.
    let state = frames(fixture, from: #""snapshot""#)
    #expect(!state.contains { $0.fields["key"] == "OLD" })
    #expect(state.contains { $0.fields["key"] == "A" } && state.contains { $0.fields["key"] == "B" })
    #expect(state.allSatisfy { $0.type != "error" })
  }

  /// Retention went past a publisher that had not looked yet.
  @Test func thePublisherGoesOnBehindTheGap() throws {
    let fixture = try fixture()
    try fixture.log.maintain()
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"now"}"#)
    #expect(client.next("caughtUp") != nil)
    try fixture.append(["A"], firstMillis: 1_700_000_009_000)
    #expect(client.next("data")?.fields["pos"] == "0:81")
  }

  @Test func anExportSaysItToo() throws {
    let fixture = try fixture()
    try fixture.log.maintain()
    let start = try log(fixture).startOffset
    var range = StreamRange(stream: "prices.ticks")
    let export = try StreamExport(log: fixture.log, range: range)
    #expect(export.bounds.map(\.start) == [start])
    var writer = ByteWriter()
    while try export.next(into: &writer) {}
    #expect(export.recordCount == 81 - start)
    range.from = .position(StreamPosition(partition: 0, offset: 0))
    #expect(throws: StreamFailure.self) { try StreamExport(log: fixture.log, range: range) }
    // And where retention is faster than a replay that is under way.
    range.from = .earliest
    let slow = try StreamExport(log: fixture.log, range: range)
    for _ in 0..<40 { try fixture.append(["A", "B"]) }
    try fixture.log.maintain()
    do {
      while try slow.next(into: &writer) {}
      Issue.record("the gap was passed over")
    } catch {
      #expect(error.code == .positionExpired)
    }
  }
}
