// One log's topics into another: resumable at any record, none twice, none missing.

import Codecs
import Core
import Log

/// What is copied: a topic as the source has it, and as the target shall.
struct CopyTopic: Sendable {
  var name: String
  var settings: TopicSettings
  /// Where to end in some of its partitions; elsewhere at the end.
  var ends: [Int: Int64] = [:]
}

/// Drives a copy, partition by partition. The target's notes say how far it is, so it may be killed at any moment and
/// started again, from another machine too.
struct LogCopy<Source: EventLog, Target: CopyTarget> {
  private let source: Source
  private let target: Target
  private let notes: Target.Log.Partition
  private let maps: [String: CopyMap]
  private let clock = SystemClock()
  private var progress: ProgressLine
  private var done: Int64 = 0
  private var total: Int64 = 0

  init(from source: Source, to target: Target) throws(LogError) {
    self.source = source
    self.target = target
    try target.log.createTopic(CopyMap.topic)
    notes = try target.log.partition(CopyMap.topic.name, 0)
    maps = try CopyMap.load(notes)
    progress = ProgressLine(label: "copied", unit: "records", nowNanos: SystemClock().monotonicNanos())
  }

  /// One partition on its way.
  private struct Part {
    let source: Source.Partition
    let target: Target.Log.Partition
    let key: String
    var next: Int64
    let end: Int64
  }

  /// Copies what the source holds now. False if `isStopped` said so before the end.
  mutating func run(_ topics: [CopyTopic], isStopped: () -> Bool) throws(CopyError) -> Bool {
    var parts: [Part] = []
    for topic in topics {
      try onLog { () throws(LogError) in try target.log.createTopic(topic.settings) }
      for index in 0..<topic.settings.partitions { parts.append(try part(topic, index)) }
    }
    // Nothing is written before all of it can be.
    total = parts.reduce(0) { $0 + $1.end - $1.next }
    defer { progress.clear() }
    for var part in parts { guard try copy(&part, isStopped) else { return false } }
    return true
  }

  /// Records that this run copied.
  private(set) var recordsDone = 0

  /// Finds where to go on.
  private func part(_ topic: CopyTopic, _ index: Int) throws(CopyError) -> Part {
    let key = CopyMap.key(topic.name, index)
    let (from, to) = try onLog { () throws(LogError) in
      (try source.partition(topic.name, index), try target.log.partition(topic.name, index))
    }
    let epochs = CopyEpochs(source: from.epoch, target: to.epoch)
    // A map of another topic of this name says nothing of this one.
    var map = maps[key].flatMap { $0.epochs.target == to.epoch ? $0 : nil } ?? CopyMap(epochs)
    guard map.epochs == epochs else { throw .otherHistory(key) }
    let written = map.targetEnd
    guard try onLog({ () throws(LogError) in try !to.holdsRecords(from: max(written, to.startOffset)) }) else {
      throw .foreignRecords(key, behind: written)
    }
    map.cut(at: to.highWatermark)
    let next = map.runs.isEmpty ? from.startOffset : map.sourceEnd
    guard next >= from.startOffset else { throw .sourceExpired(key, needed: next, earliest: from.startOffset) }
    return Part(source: from, target: to, key: key, next: next, end: topic.ends[index] ?? from.highWatermark)
  }

  private mutating func copy(_ part: inout Part, _ isStopped: () -> Bool) throws(CopyError) -> Bool {
    var reader = CopyReader(part.source)
    while part.next < part.end {
      if isStopped() { return false }
      let (next, end) = (part.next, part.end)
      let chunk = try onLog { () throws(LogError) in try reader.chunk(from: next, to: end) }
      if chunk.recordCount > 0 {
        let (to, from) = (part.target, CopySource(key: part.key, epoch: part.source.epoch))
        try onLog { () throws(LogError) in try target.write(chunk, of: from, to: to, notes: notes) }
        recordsDone += chunk.recordCount
      }
      guard chunk.next > next else { break }
      done += chunk.next - next
      part.next = chunk.next
      progress.update(done: done, total: total, nowNanos: clock.monotonicNanos())
    }
    return true
  }

  private func onLog<Result>(_ body: () throws(LogError) -> Result) throws(CopyError) -> Result {
    do throws(LogError) { return try body() } catch { throw .log(error) }
  }
}

/// Why a copy does not go on.
enum CopyError: Error {
  /// Reading or writing failed: what was copied is safe, and the same command goes on once that is mended.
  case log(LogError)
  /// The target holds a copy of a history that the source does not have any more.
  case otherHistory(String)
  /// The target holds records that no copy has brought: somebody writes to it.
  case foreignRecords(String, behind: Int64)
  /// The source has let go of records that were not copied yet.
  case sourceExpired(String, needed: Int64, earliest: Int64)
}

extension PartitionLog {
  /// Whether there is any record at `offset` or behind it; offsets alone do not tell, as transactions leave marks.
  func holdsRecords(from offset: Int64) throws(LogError) -> Bool {
    var buffer = ByteWriter()
    var next = offset
    while next < highWatermark {
      buffer.removeAll()
      guard try read(from: next, maxBytes: 1, into: &buffer) else { return false }
      do throws(CodecError) {
        let header = try RecordBatchHeader.parse(buffer.bytes)
        if header.recordCount > 0, header.lastOffset >= next { return true }
        next = header.lastOffset + 1
      } catch {
        throw .corrupt(file: "\(topic)-\(index)", byte: next, reason: "the batch at this offset: \(error)")
      }
    }
    return false
  }
}
