// What the log does on a disk that is really full.

import Codecs
import Core
import Glibc
import Kit
import Log
import Testing

@Suite struct FullDiskTests {
  @Test func refusesWhenFullReadsOnAndResumes() throws {
    guard let disk = SmallDisk(mebibytes: 1) else { return }
    let place = disk.path
    var options = LogOptions()
    options.segmentBytes = 100_000
    let log = try EmbeddedLog.open(directory: place + "/data", options: options)
    try log.createTopic(TopicSettings(name: "ticks"))
    let partition = try log.partition("ticks", 0)
    let ballast = place + "/ballast"
    TestFile.write([UInt8](repeating: 1, count: 300_000), to: ballast)
    var random = SplitMix(seed: 3)
    var expected: [String] = []
    var refused = 0
    // Until it was full for a while, with and without room for smaller batches.
    while refused < 20 {
      let value = filler(Int.random(in: 10...20_000, using: &random), &random)
      do {
        #expect(try partition.appendAndWait(makeBatch([value], compression: .none)) == Int64(expected.count))
        expected.append(value)
      } catch LogError.diskFull { refused += 1 }
    }
    #expect(log.failure == nil)
    #expect(try readAll(partition).map(\.value) == expected)
    unlink(ballast)
    let value = filler(50_000, &random)
    #expect(try partition.appendAndWait(makeBatch([value], compression: .none)) == Int64(expected.count))
    expected.append(value)
    log.close()
    let again = try EmbeddedLog.open(directory: place + "/data", options: options)
    #expect(again.tailCuts == [])
    #expect(try readAll(again.partition("ticks", 0)).map(\.value) == expected)
    again.close()
  }

  /// Retention must write before it may delete: on a disk that is full to the last byte it lives on what was put by.
  @Test func retentionMakesSpaceOnAFullDisk() throws {
    guard let disk = SmallDisk(mebibytes: 1) else { return }
    let place = disk.path
    var options = LogOptions()
    options.segmentBytes = 100_000
    options.reserveBytes = 50_000
    options.maintenanceNanos = 3_600_000_000_000
    let log = try EmbeddedLog.open(directory: place + "/data", options: options)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: "ticks", policy: TopicPolicy(retentionBytes: 200_000)))
    let partition = try log.partition("ticks", 0)
    var random = SplitMix(seed: 4)
    var isFull = false
    while !isFull {
      do { try partition.appendAndWait(makeBatch([filler(20_000, &random)], compression: .none)) } catch LogError
        .diskFull
      { isFull = true }
    }
    // Not a byte is left.
    let ballast = try PosixFiles().open(place + "/ballast", .create)
    var position: Int64 = 0
    var block = ByteWriter()
    block.append(zeros: 512)
    while (try? ballast.write(block.bytes, at: position)) != nil { position += 512 }
    #expect(TestFile.exists(place + "/data/reserve"))
    try log.maintain()
    #expect(partition.startOffset > 0)
    #expect(!TestFile.exists(place + "/data/reserve"))
    try partition.appendAndWait(makeBatch([filler(20_000, &random)], compression: .none))
  }
}
