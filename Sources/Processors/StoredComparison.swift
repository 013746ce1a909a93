// A fold's outputs beside the stored ones, in lockstep.

import Codecs
import Events
import Log

/// Takes the fold's records as they come and holds each against the stored record of the same offset.
@safe struct StoredComparison<Partition: PartitionLog>: ~Copyable {
  private let partitions: [Partition]
  private let stored: UnsafeMutablePointer<StoredRecords<Partition>>
  private let hashes: UnsafeMutablePointer<RecordHash>
  /// The offset behind the last record that the fold gave, by topic.
  private var ends: [Int64]
  /// The first one found.
  private(set) var difference: VerifyDifference?

  init(_ partitions: [Partition]) {
    self.partitions = partitions
    unsafe stored = UnsafeMutablePointer<StoredRecords<Partition>>.allocate(capacity: max(partitions.count, 1))
    unsafe hashes = UnsafeMutablePointer<RecordHash>.allocate(capacity: max(partitions.count, 1))
    for (index, partition) in partitions.enumerated() {
      unsafe (stored + index).initialize(to: StoredRecords(partition))
      unsafe (hashes + index).initialize(to: RecordHash())
    }
    ends = partitions.map(\.startOffset)
  }

  deinit {
    unsafe stored.deinitialize(count: partitions.count)
    unsafe stored.deallocate()
    unsafe hashes.deinitialize(count: partitions.count)
    unsafe hashes.deallocate()
  }

  mutating func compare(_ outputs: borrowing FoldOutputs) {
    for index in 0..<outputs.topicCount where difference == nil {
      difference = unsafe Self.compare(outputs[topic: index], &stored[index])
      unsafe hashes[index].update(outputs[topic: index].bytes)
      ends[index] += Int64(outputs[topic: index].count)
    }
  }

  /// The records that are stored though the fold gives none.
  mutating func surplus() -> VerifyDifference? {
    for index in partitions.indices where unsafe stored[index].isAtEnd == false {
      let offset = unsafe stored[index].offset
      var found = ""
      do throws(StoredRecords<Partition>.Failure) {
        try unsafe stored[index].advance()
        found = Self.describe(unsafe stored[index].entry, partitions[index].topic)
      } catch {
        return Self.failure(error, partitions[index], offset: offset, cause: nil, expected: "")
      }
      return Self.difference(
        partitions[index], offset: offset, cause: nil, "a record that the input does not give", expected: "",
        found: found)
    }
    return nil
  }

  /// What a checkpoint of this moment would say of the partition.
  func mark(_ index: Int, epoch: UInt32) -> OutputMark {
    var writer = ByteWriter()
    unsafe hashes[index].save(into: &writer)
    return OutputMark(epoch: epoch, endOffset: ends[index], hash: writer.copy())
  }

  func summary() -> [VerifySummary.Topic] {
    partitions.indices.map { index in
      let digits = unsafe hashes[index].value.map { byte in
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0" + text : text
      }
      return VerifySummary.Topic(
        topic: partitions[index].topic, records: unsafe stored[index].end - partitions[index].startOffset,
        hash: digits.joined())
    }
  }

  private static func compare(
    _ records: borrowing DerivedRecords, _ stored: inout StoredRecords<Partition>
  ) -> VerifyDifference? {
    var position = 0
    for index in 0..<records.count where !stored.isAtEnd {
      let expected = records.entry(at: position)
      let offset = stored.offset
      do throws(StoredRecords<Partition>.Failure) {
        try stored.advance()
      } catch {
        let text = describe(expected, stored.partition.topic)
        return failure(error, stored.partition, offset: offset, cause: records.cause(index), expected: text)
      }
      guard stored.entry.isEqual(to: expected) else {
        return difference(
          stored.partition, offset: offset, cause: records.cause(index), "another record than the input gives",
          expected: describe(expected, stored.partition.topic), found: describe(stored.entry, stored.partition.topic))
      }
      position += expected.byteCount
    }
    return nil
  }

  private static func failure(
    _ error: StoredRecords<Partition>.Failure, _ partition: Partition, offset: Int64, cause: Int64?, expected: String
  ) -> VerifyDifference {
    let reason =
      switch error {
      case .log(.corrupt(_, _, let reason)): reason
      case .log(let error): "the log answers \(error)"
      case .batch(let error): "a damaged batch: \(error)"
      case .hole(let found): "a hole: the next record is \(found.map(String.init) ?? "missing")"
      }
    var result = difference(partition, offset: offset, cause: cause, reason, expected: expected, found: "")
    if case .log(.corrupt(let file, let byte, _)) = error {
      result.file = file
      result.byte = byte
    }
    return result
  }

  private static func difference(
    _ partition: Partition, offset: Int64, cause: Int64?, _ reason: String, expected: String, found: String
  ) -> VerifyDifference {
    VerifyDifference(
      topic: partition.topic, partition: partition.index, offset: offset, inputOffset: cause, reason: reason,
      expected: expected, found: found)
  }

  /// A record as JSON, or its bytes in hexadecimal where it does not decode.
  private static func describe(_ entry: RawSpan, _ topic: String) -> String {
    let record = DerivedRecords.record(entry, offset: 0)
    var writer = ByteWriter()
    do throws(CodecError) {
      if topic == Topic.latest.name {
        try LatestPrice(decoding: record).appendJSON(to: &writer)
      } else if topic == Topic.candles.name {
        try Candle(decoding: record).appendJSON(to: &writer)
      } else if topic == Topic.deadTicks.name {
        try DeadLetter(decoding: record).appendJSON(to: &writer)
      }
    } catch {
      writer.removeAll()
    }
    if writer.count > 0 { return String(utf8: writer.bytes) }
    return [UInt8](record.value).map { String($0, radix: 16) }.joined(separator: " ")
  }
}
