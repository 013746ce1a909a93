// A fold's outputs beside the stored ones, in lockstep.

import Codecs
import Events
import Log

/// Takes the fold's records as they come and holds each against the stored record of the same offset.
@safe struct StoredComparison<Partition: PartitionLog>: ~Copyable {
  private let partitions: [Partition]
  private let places: StoredPlaces
  /// By topic: false where what is stored cannot be held against anything.
  private let isCompared: [Bool]
  private let stored: UnsafeMutablePointer<StoredRecords<Partition>>
  private let hashes: UnsafeMutablePointer<RecordHash>
  /// The place behind the last record that the fold gave, by topic.
  private var ends: [Int64]
  /// By topic: the records that compaction took, by key, of which no newer one came yet.
  private var taken: [[[UInt8]: Int64]]
  /// The first one found.
  private(set) var difference: VerifyDifference?

  init(_ partitions: [Partition], _ places: StoredPlaces, isCompared: [Bool]) {
    self.partitions = partitions
    self.places = places
    self.isCompared = isCompared
    ends = partitions.map { _ in 0 }
    taken = partitions.map { _ in [:] }
    unsafe stored = UnsafeMutablePointer<StoredRecords<Partition>>.allocate(capacity: max(partitions.count, 1))
    unsafe hashes = UnsafeMutablePointer<RecordHash>.allocate(capacity: max(partitions.count, 1))
    for (index, partition) in partitions.enumerated() {
      unsafe (stored + index).initialize(to: StoredRecords(partition, places))
      unsafe (hashes + index).initialize(to: RecordHash())
    }
  }

  /// Begins at a checkpoint instead of the start.
  mutating func begin(at marks: [OutputMark]) throws(CodecError) {
    for (index, mark) in marks.enumerated() {
      var reader = ByteReader(unsafe mark.hash.span.bytes)
      try unsafe hashes[index].restore(from: &reader)
      unsafe stored[index] = StoredRecords(partitions[index], places, from: mark.endOffset)
      ends[index] = mark.endOffset
    }
  }

  deinit {
    unsafe stored.deinitialize(count: partitions.count)
    unsafe stored.deallocate()
    unsafe hashes.deinitialize(count: partitions.count)
    unsafe hashes.deallocate()
  }

  mutating func compare(_ outputs: borrowing FoldOutputs) {
    for index in 0..<outputs.topicCount where difference == nil {
      let stored = unsafe stored + index
      if isCompared[index] {
        difference = unsafe Self.compare(
          outputs[topic: index], from: ends[index], &stored.pointee, taken: &taken[index])
      }
      unsafe hashes[index].update(outputs[topic: index].bytes)
      ends[index] += Int64(outputs[topic: index].count)
    }
  }

  /// What is stored though the fold gives none of it, or is not though nothing replaced it.
  mutating func surplus() -> VerifyDifference? {
    for index in partitions.indices where isCompared[index] {
      let offset = max(ends[index], unsafe stored[index].start)
      do throws(StoredRecords<Partition>.Failure) {
        try unsafe stored[index].advance(to: offset)
      } catch {
        return Self.failure(error, partitions[index], offset: offset, cause: nil, expected: "")
      }
      if unsafe stored[index].place < stored[index].end {
        return Self.difference(
          partitions[index], offset: unsafe stored[index].offset, cause: nil, "a record that the input does not give",
          expected: "", found: Self.describe(unsafe stored[index].entry, partitions[index].topic))
      }
      if let (key, offset) = taken[index].min(by: { $0.value < $1.value }) {
        return Self.difference(
          partitions[index], offset: offset, cause: nil, "compaction took the newest record of its key",
          expected: String(decoding: key, as: UTF8.self), found: "")
      }
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
    partitions.indices.filter { isCompared[$0] }.map { index in
      VerifySummary.Topic(
        topic: partitions[index].topic, records: unsafe stored[index].count,
        missing: unsafe max(0, ends[index] - stored[index].end), hash: StateHash.text(unsafe hashes[index].value))
    }
  }

  /// Holds the fold's records, the first of which has offset `first`, against those stored. What retention let go, and
  /// what compaction took because a newer record of the key follows, cannot be compared any more.
  private static func compare(
    _ records: borrowing DerivedRecords, from first: Int64, _ stored: inout StoredRecords<Partition>,
    taken: inout [[UInt8]: Int64]
  ) -> VerifyDifference? {
    let isCounted = stored.end == .max
    let mayBeTaken = Topic.all.contains { $0.isCompactable && $0.name == stored.partition.topic }
    var position = 0
    for index in 0..<records.count {
      let expected = records.entry(at: position)
      position += expected.byteCount
      let offset = first + Int64(index)
      if offset < stored.start { continue }
      if offset >= stored.end { break }
      let topic = stored.partition.topic
      do throws(StoredRecords<Partition>.Failure) {
        try stored.advance(to: offset)
      } catch {
        let text = describe(expected, topic)
        return failure(error, stored.partition, offset: offset, cause: records.cause(index), expected: text)
      }
      // The end that counting had to find.
      if isCounted, stored.place == stored.end { break }
      if stored.place > offset {
        guard mayBeTaken else {
          return difference(
            stored.partition, offset: offset, cause: records.cause(index),
            "a hole: the next record is \(stored.place)", expected: describe(expected, topic), found: "")
        }
        taken[[UInt8](DerivedRecords.record(expected, offset: offset).key)] = offset
        continue
      }
      guard stored.entry.isEqual(to: expected) else {
        return difference(
          stored.partition, offset: stored.offset, cause: records.cause(index), "another record than the input gives",
          expected: describe(expected, topic), found: describe(stored.entry, topic))
      }
      if !taken.isEmpty { taken[[UInt8](DerivedRecords.record(expected, offset: offset).key)] = nil }
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
      case .hole: "a hole: there is no batch"
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
