// Where copied records lie: the runs, their bytes, and what becomes of them when a copy is cut short.

import Codecs
import Events
import Kit
import Testing
import Web

@testable import Wiring

@Suite struct CopyMapTests {
  private static let epochs = CopyEpochs(source: 7, target: 9)

  private func map(_ runs: [CopyRun]) -> CopyMap {
    var map = CopyMap(Self.epochs)
    for run in runs { map.append(run) }
    return map
  }

  @Test func runsThatFollowEachOtherAreOne() {
    let joined = map([CopyRun(source: 5, target: 0, count: 3), CopyRun(source: 8, target: 3, count: 2)])
    #expect(joined.runs == [CopyRun(source: 5, target: 0, count: 5)])
    #expect(joined.sourceEnd == 10 && joined.targetEnd == 5)
    // A gap on either side.
    #expect(map([CopyRun(source: 5, target: 0, count: 3), CopyRun(source: 9, target: 3, count: 2)]).runs.count == 2)
    #expect(map([CopyRun(source: 5, target: 0, count: 3), CopyRun(source: 8, target: 4, count: 2)]).runs.count == 2)
  }

  @Test func eachOffsetHasItsPlace() {
    let found = map([
      CopyRun(source: 5, target: 0, count: 3), CopyRun(source: 8, target: 4, count: 2),
      CopyRun(source: 20, target: 6, count: 1),
    ])
    let places: [(Int64, Int64?)] = [
      (0, 0), (5, 0), (7, 2), (8, 4), (9, 5), (10, 6), (19, 6), (20, 6), (21, 7), (22, nil),
    ]
    for (source, target) in places { #expect(found.target(of: source) == target, "\(source)") }
    #expect(map([]).target(of: 0) == nil)
  }

  @Test func whatWasAnnouncedAndNotWrittenIsCut() {
    var cut = map([CopyRun(source: 0, target: 0, count: 10), CopyRun(source: 20, target: 10, count: 10)])
    cut.cut(at: 13)
    #expect(cut.sourceEnd == 23 && cut.targetEnd == 13)
    // The next chunk may be packed otherwise.
    cut.append(CopyRun(source: 23, target: 13, count: 100))
    #expect(cut.runs == [CopyRun(source: 0, target: 0, count: 10), CopyRun(source: 20, target: 10, count: 103)])
    cut.append(CopyRun(source: 5, target: 5, count: 1))
    #expect(cut.runs == [CopyRun(source: 0, target: 0, count: 6)])
    cut.cut(at: 0)
    #expect(cut.runs.isEmpty && cut.sourceEnd == 0)
  }

  /// Stored for as long as the copy: other bytes are another version.
  @Test func theBytesAreThoseOfVersion1() throws {
    let runs = [CopyRun(source: 1, target: 0, count: 64), CopyRun(source: 300, target: 65, count: 1)]
    let bytes = CopyMap.encode(runs, Self.epochs)
    #expect(bytes == [1, 0, 0, 0, 7, 0, 0, 0, 9, 4, 2, 0, 128, 1, 216, 4, 130, 1, 2])
    let decoded = try CopyMap.decode(bytes.span.bytes)
    #expect(decoded.runs == runs && decoded.epochs == Self.epochs)
  }

  @Test func noBytesAreTakenOnTrust() {
    let good = CopyMap.encode([CopyRun(source: 1, target: 2, count: 3)], Self.epochs)
    for count in good.indices {
      let short = Array(good[..<count])
      #expect(throws: CodecError.self, "\(count)") { try CopyMap.decode(short.span.bytes) }
    }
    for wrong in [
      CopyRun(source: -1, target: 0, count: 1), CopyRun(source: 0, target: -1, count: 1),
      CopyRun(source: 0, target: 0, count: 0), CopyRun(source: .max, target: 0, count: 1),
      CopyRun(source: 0, target: 0, count: .min),
    ] {
      let bytes = CopyMap.encode([wrong], Self.epochs)
      #expect(throws: CodecError.self, "\(wrong)") { try CopyMap.decode(bytes.span.bytes) }
    }
    let more = good + [0]
    #expect(throws: CodecError.self) { try CopyMap.decode(more.span.bytes) }
    var hostile = good
    hostile.replaceSubrange(9..<10, with: [254, 255, 255, 255, 255, 255, 255, 255, 255, 1])
    #expect(throws: CodecError.self) { try CopyMap.decode(hostile.span.bytes) }
  }

  @Test func positionsAndTokensAreTranslated() throws {
    let translation = PositionTranslation(
      topic: .ticks,
      maps: [
        "prices.ticks.v1-0": map([CopyRun(source: 100, target: 0, count: 50)]),
        "prices.ticks.v1-1": map([CopyRun(source: 0, target: 3, count: 10)]),
      ])
    #expect(try translation.translate("0:120") == "0:20")
    #expect(try translation.translate("1:0") == "1:3")
    let token = PositionToken(stream: "prices.ticks", epochs: [7, 7], next: [150, 4])
    let expected = PositionToken(stream: "prices.ticks", epochs: [9, 9], next: [50, 7])
    #expect(try translation.translate(token.text) == expected.text)
    let refused = [
      "0:151", "2:0", "0:-1", "", "0:", "nonsense", PositionToken(stream: "prices.latest", epochs: [7], next: [1]).text,
      PositionToken(stream: "prices.ticks", epochs: [8], next: [101]).text,
    ]
    for text in refused { #expect(throws: CommandFailure.self, "\(text)") { try translation.translate(text) } }
  }
}
