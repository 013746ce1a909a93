// A verification finds what was changed, and names it.

import Codecs
import Events
import Kit
import Log
import Processors
import Projections
import Testing

@Suite struct VerifierTests {
  /// A finished log, with checkpoints.
  private func finished(_ seed: UInt64) throws -> TaskFixture {
    let fixture = try TaskFixture()
    try fixture.append(ProcessorTaskTests.records(seed))
    let task = try fixture.task()
    while try task.step(maxBytes: 5000) != .caughtUp {}
    try task.checkpointNow()
    return fixture
  }

  private func difference(_ result: VerifyResult) -> VerifyDifference? {
    if case .different(let difference) = result { return difference }
    return nil
  }

  /// Replaces one record by an altered one, the rest as it was, in proper batches.
  @Test(arguments: [0, 1, 2], [StoredPlaces.offsets, .counts])
  func oneAlteredRecordIsNamed(topic: Int, places: StoredPlaces) throws {
    let fixture = try finished(11)
    let partition = try fixture.outputs()[topic]
    let records = try fixture.contents()[topic]
    let place = records.count * 2 / 3
    try partition.truncate(to: Int64(place))
    var writer = RecordBatchWriter()
    for (index, record) in records[place...].enumerated() {
      var value = record.value
      if index == 0 { value[value.count - 1] ^= 2 }
      writer.append(timestampMillis: record.timestampMillis, key: record.key.span.bytes, value: value.span.bytes)
    }
    try partition.append(writer.finish(), completion: nil)
    try partition.sync()
    let found = try #require(difference(try fixture.verify(places: places)))
    #expect(found.topic == partition.topic && found.offset == Int64(place))
    let cause = try fold(encode(ProcessorTaskTests.records(11)) { $0 % 100 == 99 }).records[topic][place].cause
    #expect(found.inputOffset == cause)
    #expect(found.expected != found.found && found.expected.hasPrefix("{") && found.found.hasPrefix("{"))
    fixture.log.close()
  }

  /// Where records are counted, one that is missing or too many is found as well, and the end before it comes.
  @Test(arguments: [0, 1, 2]) func countingFindsWhatIsMissingAndTooMuch(topic: Int) throws {
    let fixture = try finished(14)
    guard case .same(let summary) = try fixture.verify(places: .counts) else {
      Issue.record("different")
      return
    }
    #expect(try fixture.verify() == .same(summary))
    let partition = try fixture.outputs()[topic]
    let records = try fixture.contents()[topic]
    let place = records.count / 2
    func write(_ records: some Sequence<OutputRecord>) throws {
      var writer = RecordBatchWriter()
      for record in records {
        writer.append(
          timestampMillis: record.timestampMillis, key: record.key.span.bytes, value: record.value.span.bytes)
      }
      if writer.recordCount > 0 { try partition.append(writer.finish(), completion: nil) }
      try partition.sync()
    }
    // Shorter, as behind a fold that has not come so far: no difference, once no checkpoint says otherwise.
    try partition.truncate(to: Int64(place))
    guard case .same(let shorter) = try fixture.verify(places: .counts) else {
      Issue.record("different")
      return
    }
    #expect(shorter.topics[topic].missing == Int64(records.count - place))
    // One is missing in the middle.
    try write(records[(place + 1)...])
    let hole = try #require(difference(try fixture.verify(places: .counts)))
    #expect(hole.topic == partition.topic && hole.offset == Int64(place))
    // One too many at the end.
    try partition.truncate(to: Int64(place))
    try write(records[place...] + records.suffix(1))
    let surplus = try #require(difference(try fixture.verify(places: .counts)))
    #expect(surplus.reason == "a record that the input does not give" && surplus.offset == Int64(records.count))
    fixture.log.close()
  }

  @Test func aFlippedByteIsFound() throws {
    let fixture = try finished(12)
    fixture.log.close()
    let path = "\(fixture.directory.path)/topics/\(Topic.candles.name)-0/00000000000000000000.log"
    var bytes = TestFile.read(path)
    // In the middle of a batch in the first third, which recovery of the tail does not look at.
    let place = bytes.count / 3
    bytes[place] ^= 1
    TestFile.write(bytes, to: path)
    let reopened = try TaskFixture(fixture.directory)
    let found = try #require(difference(try reopened.verify()))
    #expect(found.topic == Topic.candles.name && !found.reason.isEmpty)
    #expect(found.inputOffset != nil && found.expected.hasPrefix("{"))
    reopened.log.close()
  }

  @Test func aSurplusRecordIsFound() throws {
    let fixture = try finished(13)
    let partition = try fixture.outputs()[0]
    let end = partition.highWatermark
    var writer = RecordBatchWriter()
    writer.append(timestampMillis: 5, key: nil, value: nil)
    try partition.append(writer.finish(), completion: nil)
    try partition.sync()
    let found = try #require(difference(try fixture.verify()))
    #expect(found.topic == Topic.latest.name && found.offset == end && found.inputOffset == nil)
    fixture.log.close()
  }

  @Test func anotherConfigurationDiffersAtOnce() throws {
    let fixture = try finished(14)
    var settings = LatestPriceSettings()
    settings.weights["coinbase"] = LatestPriceSettings.tenths(3)
    let found = try #require(difference(try fixture.verify(latest: settings)))
    #expect(found.topic == Topic.latest.name)
    fixture.log.close()
  }

  /// The records are right, but a checkpoint recorded the hash of others.
  @Test func aWrongHashInACheckpointIsFound() throws {
    let fixture = try finished(15)
    let store = try CheckpointDirectory(fixture.checkpoints)
    let name = try #require(try store.names().first { $0.hasPrefix("checkpoint") })
    var bytes = try #require(try store.load(name))
    // The first byte of the first output's chained hash; the checksum made right again.
    bytes[64 + 20] ^= 1
    let body = Array(bytes.dropLast(4))
    let checksum = CRC32C.checksum(body.span.bytes)
    for index in 0..<4 { bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
    try store.save(name, bytes.span.bytes)
    let found = try #require(difference(try fixture.verify()))
    #expect(found.reason.contains("hash"))
    fixture.log.close()
  }

  @Test func aTaskBehindItsInputIsNoDifference() throws {
    let fixture = try TaskFixture()
    try fixture.append(ProcessorTaskTests.records(16))
    let task = try fixture.task()
    for _ in 0..<3 { _ = try task.step(maxBytes: 5000) }
    for partition in try fixture.outputs() { try partition.sync() }
    guard case .same = try fixture.verify() else {
      Issue.record("\(try fixture.verify())")
      return
    }
    fixture.log.close()
  }
}
