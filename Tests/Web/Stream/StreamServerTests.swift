// The stream server as a client sees it.

import Core
import Events
import Testing

@testable import Web

@Suite(.serialized) struct StreamServerTests {
  @Test func liveFramesFollowOpenedAndCaughtUp() throws {
    let fixture = try StreamFixture()
    try fixture.append(["BTC/USD", "ETH/USD", nil, "BTC/USD"])
    fixture.server.start()
    let client = fixture.connect()
    client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":"now"}"#)
    let opened = try #require(client.nextText())
    #expect(opened.type == "opened")
    #expect(opened.fields["pos"] == "0:3")
    let caughtUp = try #require(client.nextText())
    #expect(caughtUp.type == "caughtUp")
    try fixture.append(["BTC/USD"], firstMillis: 1_700_000_001_234)
    let data = try #require(client.next("data"))
    #expect(
      data.text == #"{"type":"data","stream":"prices.ticks","key":"BTC/USD","pos":"0:4","prev":"0:3","#
        + #""eventTime":1700000001234,"appendTime":1700000001234,"value":{"kind":"trade","instrument":"BTC/USD","#
        + #""source":"kraken","price":1,"volume":0,"side":"unknown","sequence":0,"eventTime":1700000001234,"#
        + #""appendTime":1700000001234}}"#)
  }

  @Test func replaysFromEverywhere() throws {
    let fixture = try StreamFixture()
    try fixture.append(["A", "B", nil, "A"])
    try fixture.append(["B", "A"], firstMillis: 1_700_000_010_000)
    fixture.server.start()
    let cases: [(from: String, positions: [String], previous: [String])] = [
      (#""earliest""#, ["0:0", "0:1", "0:3", "0:4", "0:5"], ["-", "-", "0:0", "0:1", "0:3"]),
      (#"{"pos":"0:1"}"#, ["0:3", "0:4", "0:5"], ["0:0", "0:1", "0:3"]),
      (#"{"time":1700000010000}"#, ["0:4", "0:5"], ["0:1", "0:3"]),
      (#"{"time":"2023-11-14T22:13:30Z"}"#, ["0:4", "0:5"], ["0:1", "0:3"]),
      (#""now""#, [], []),
    ]
    for (from, positions, previous) in cases {
      let client = fixture.connect()
      client.send(#"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":\#(from)}"#)
      var frames: [ServerText] = []
      while let frame = client.nextText(), frame.type != "caughtUp" { frames.append(frame) }
      #expect(frames.first?.type == "opened", "\(from)")
      #expect(frames.dropFirst().map { $0.fields["pos"] } == positions, "\(from)")
      #expect(frames.dropFirst().map { $0.fields["prev"] ?? "-" } == previous, "\(from)")
    }
  }
}
