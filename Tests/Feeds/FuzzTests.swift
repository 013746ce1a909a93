// Hostile input: frames and bodies with bytes changed, cut, doubled and mixed never trap, and are never half taken.

import Codecs
import Events
import Foundation
import Testing

@testable import Feeds

@Suite struct FuzzTests {
  /// All inputs of the fixtures of a folder.
  private static func seeds(_ folder: String) throws -> [[UInt8]] {
    let directory = Snapshot.fixtures.appending(path: folder)
    let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
    return try files.flatMap { file in
      try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("< ") }.map { line in
        [UInt8](line.dropFirst(2).replacing("⏎", with: "\n").utf8)
      }
    }
  }

  private static let splices = [
    "\"\"", "null", "0", "-1", "1e999999999", "99999999999999999999999999999999999999999", "[", "]", "{", "}", ",",
    "\\",
    "\"", "\\u0000", "\\ud800", "9223372036854775807", "-9223372036854775808", "0001-01-01T00:00:00Z", "\u{e9}", "-",
  ].map { [UInt8]($0.utf8) }

  private static func mutate(_ input: [UInt8], _ random: inout SplitMix64, _ seeds: [[UInt8]]) -> [UInt8] {
    var bytes = input
    for _ in 0...random.below(3) {
      let place = random.below(bytes.count + 1)
      switch random.below(6) {
      case 0: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
      case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
      case 2: bytes.insert(contentsOf: splices[random.below(splices.count)], at: place)
      case 3: bytes.removeSubrange(place...)
      case 4:
        let other = seeds[random.below(seeds.count)]
        bytes.replaceSubrange(place..., with: other.suffix(random.below(other.count + 1)))
      default:
        let end = min(bytes.count, place + random.below(40))
        bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
      }
    }
    return bytes
  }

  private static var rounds: Int { ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 20_000 }

  @Test(arguments: Venue.allCases) func mappersNeverTrap(_ venue: Venue) throws {
    let seeds = try Self.seeds("mappers")
    let seed = UInt64(venue.rawValue.utf8.count) &* 7919 &+ UInt64(venue.rawValue.utf8.first ?? 0)
    var random = SplitMix64(seed: seed)
    var mappers = VenueMappers()
    var ticks: [Tick] = []
    for round in 0..<Self.rounds {
      let frame = Self.mutate(seeds[random.below(seeds.count)], &random, seeds)
      let before = ticks.count
      let outcome = mappers.map(
        venue, frame.span.bytes, isBinary: round % 16 == 0, receivedAt: Timestamp(nanos: 1), into: &ticks)
      let expected: Int
      switch outcome {
      case .ticks(let count, _), .partial(let count, _, _): expected = count
      case .counted: expected = 0
      case .rejected(let rejection):
        expected = 0
        // Offsets of inflated frames lie in what was inflated.
        #expect(
          round % 16 == 0 || (0...frame.count).contains(rejection.byteOffset),
          "seed \(seed), round \(round): \(rejection)")
      }
      #expect(ticks.count - before == expected, "seed \(seed), round \(round)")
      for tick in ticks[before...] where tick.kind != .gap {
        #expect(tick.price.raw > 0 && tick.volume.raw >= 0, "seed \(seed), round \(round): \(tick)")
        #expect(tick.instrument.utf8.contains(UInt8(ascii: "/")), "seed \(seed), round \(round): \(tick)")
      }
      if ticks.count > 1000 { ticks.removeAll() }
    }
  }

  @Test func theIngestDecoderNeverTraps() throws {
    let seeds = try Self.seeds("ingest")
    let seed: UInt64 = 2024
    var random = SplitMix64(seed: seed)
    let decoder = IngestDecoder(recordsMax: 5)
    for round in 0..<Self.rounds {
      let body = Self.mutate(seeds[random.below(seeds.count)], &random, seeds)
      let now = Timestamp(nanos: Int64(bitPattern: random.next()))
      let result = decoder.decode(body.span.bytes, format: round % 2 == 0 ? .json : .lines, now: now)
      #expect(result.ticks.count <= result.recordCount && result.recordCount <= 5, "seed \(seed), round \(round)")
      #expect(result.errors.count == result.errorCount, "seed \(seed), round \(round)")
      #expect(result.ticks.count + result.errorCount >= result.recordCount, "seed \(seed), round \(round)")
      for tick in result.ticks {
        #expect(tick.price.raw > 0 && tick.volume.raw >= 0 && !tick.source.isEmpty, "seed \(seed), round \(round)")
      }
    }
  }

  @Test func recordedLinesNeverTrap() throws {
    let lines = [
      #"{"t":1700000000000000,"dir":"in","text":"{\"type\":\"heartbeat\"}"}"#,
      #"{"t":1700000000000000,"dir":"in","base64":"H4sIAAAAAAAAAKtWKsjMS1eyMjI0M7AwMjSxNDRTqgUA5e8="}"#,
    ].map { [UInt8]($0.utf8) }
    let seed: UInt64 = 99
    var random = SplitMix64(seed: seed)
    var frame = RecordedFrame()
    for _ in 0..<Self.rounds {
      let line = Self.mutate(lines[random.below(2)], &random, lines)
      try? frame.read(line.span.bytes)
    }
  }
}
