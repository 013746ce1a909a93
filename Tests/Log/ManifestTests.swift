// The manifest's bytes: every released version is read for ever.

import Codecs
import Kit
import Testing

@testable import Log

@Suite struct ManifestTests {
  /// A manifest with something in every field of format 2.
  private static var full: PartitionManifest {
    let policy = TopicPolicy(
      durability: .interval(millis: 50), retentionMillis: 1, retentionBytes: 2, segmentMillis: 3,
      compaction: CompactionPolicy(afterMillis: 4, tombstoneMillis: 5, dirtyPercent: 6))
    var manifest = PartitionManifest(
      settings: TopicSettings(name: "prices.ticks.v1", partitions: 3, policy: policy), index: 2, epoch: 0xdead_beef)
    manifest.revision = 9
    manifest.startOffset = 100
    manifest.sealed = [
      SegmentSeal(
        baseOffset: 100, endOffset: 250, byteCount: 4096, maxTimestampMillis: 1_700_000_000_000, indexChecksum: 1,
        timeIndexChecksum: 2, appendedMillis: 1_700_000_000_500, generation: 7)
    ]
    manifest.activeBaseOffset = 250
    manifest.activeGeneration = 8
    manifest.activeSinceMillis = 1_700_000_000_600
    manifest.compactedEnd = 250
    manifest.lastGeneration = 8
    return manifest
  }

  private static func bytes(_ manifest: PartitionManifest) -> [UInt8] {
    var writer = ByteWriter()
    manifest.encode(into: &writer)
    return writer.copy()
  }

  @Test func goldenManifestsAreReadAndWritten() throws {
    if GoldenFiles.isUpdating {
      let kept = GoldenFiles.lines("manifests.txt").filter { !$0.hasPrefix("v2 ") }
      try GoldenFiles.write(kept + ["v2 \(hex(Self.bytes(Self.full)))"], to: "manifests.txt")
    }
    let lines = GoldenFiles.lines("manifests.txt")
    #expect(lines.map { $0.prefix(3) } == ["v1 ", "v2 "])
    // Version 1 knew no policy: an input topic was synced, all was kept; and the age was the event time's.
    var old = Self.full
    old.settings.policy = TopicPolicy()
    (old.activeGeneration, old.activeSinceMillis, old.compactedEnd, old.lastGeneration) = (0, 0, 0, 0)
    (old.sealed[0].appendedMillis, old.sealed[0].generation) = (old.sealed[0].maxTimestampMillis, 0)
    for (line, expected) in zip(lines, [old, Self.full]) {
      let bytes = try #require(unhex(String(line.dropFirst(3))))
      #expect(try PartitionManifest(decoding: bytes.span.bytes) == expected)
    }
    #expect(lines.last == "v2 \(hex(Self.bytes(Self.full)))")
  }

  @Test func everyDamageIsRefused() throws {
    let good = Self.bytes(Self.full)
    for bit in 0..<good.count * 8 {
      var bytes = good
      bytes[bit / 8] ^= UInt8(1) << UInt8(bit % 8)
      #expect(throws: CodecError.self) { try PartitionManifest(decoding: bytes.span.bytes) }
    }
    for count in 0..<good.count {
      #expect(throws: CodecError.self) { try PartitionManifest(decoding: good.span.bytes.extracting(first: count)) }
    }
  }

  /// Batches of one round in another order have the places of others; said to be on disk, they are a segment again.
  @Test func batchesInNewPlacesAreClearedOfTheirOldOnes() throws {
    let directory = TemporaryDirectory()
    let log = try SegmentedLog.openManual(directory: directory.path, files: PosixFiles())
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    for value in ["one", "two", "three"] { try partition.append(makeBatch([value]), completion: nil) }
    _ = log.turn()
    log.close()
    let path = "\(directory.path)/topics/ticks-0/00000000000000000000.log"
    var bytes = TestFile.read(path)
    // The second one says that it was elsewhere.
    let first = makeBatch(["one"]).bytes.count
    bytes[first + 15] ^= 1
    TestFile.write(bytes, to: path)
    try DurableMark.remove(in: "\(directory.path)/topics/ticks-0", files: PosixFiles())
    let file = try PosixFiles().open(path, .update)
    try file.clearUnsyncedBytes(to: Int64(bytes.count))
    try file.sync()
    let again = try EmbeddedLog.open(directory: directory.path)
    defer { again.close() }
    #expect(again.tailCuts == [])
    #expect(try readAll(again.partition("ticks", 0)).map(\.value) == ["one", "two", "three"])
  }

  @Test func namesSegmentsAsKafkaDoes() {
    let plain = SegmentNames(directory: "d", baseOffset: 42)
    #expect(plain.log == "d/00000000000000000042.log")
    let compacted = SegmentNames(directory: "d", baseOffset: 42, generation: 3)
    #expect(compacted.timeIndex == "d/00000000000000000042.3.timeindex")
    #expect(SegmentNames.parse("00000000000000000042.log").map { [$0, Int64($1)] } == [42, 0])
    #expect(SegmentNames.parse("00000000000000000042.3.log").map { [$0, Int64($1)] } == [42, 3])
    for name in ["42.log", "00000000000000000042.index", "00000000000000000042.0.log", "x.log", "a.b.c.log"] {
      #expect(SegmentNames.parse(name) == nil, "\(name)")
    }
  }
}

private func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func unhex(_ text: String) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 2 == 0 else { return nil }
  var bytes: [UInt8] = []
  for index in stride(from: 0, to: digits.count, by: 2) {
    guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else { return nil }
    bytes.append(byte)
  }
  return bytes
}
