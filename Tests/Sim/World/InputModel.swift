// What an input partition must hold: a ledger outside the log.

import Codecs
import Log

/// Every batch that was handed to one input partition, and what became of it.
struct InputModel {
  struct Batch {
    var number: Int
    var records: [StoredDigest]
    var encoded: EncodedBatch
    /// When it was handed over, as `TickSource.forwardNanos` tells it.
    var since: Int64
    /// The producer was told that it failed, but not how far it came.
    var isUncertain = false
  }

  /// A batch that is in the log.
  struct Kept {
    var baseOffset: Int64
    var encoded: EncodedBatch
    var since: Int64
    /// When the producer was told, by the monotonic clock.
    var acknowledgedNanos: Int64
  }

  /// The records that were acknowledged, or were found after a restart. What retention or compaction took is here, too.
  private(set) var history = History()
  /// The same as batches, for the reference fold.
  private(set) var batches: [Kept] = []
  /// Handed over, in this order, and neither acknowledged nor certainly refused.
  private(set) var open: [Batch] = []
  /// The largest high watermark that anyone saw: in the writer's process, and in others.
  var seenEnd: Int64 = 0
  var followedEnd: Int64 = 0
  /// What is before it is on disk, if the log keeps its word.
  private(set) var syncedEnd: Int64 = 0
  /// What is before it was let go.
  var start: Int64 = 0
  private var nextNumber = 0

  var end: Int64 { history.end }
  var inFlight: Int { open.count { !$0.isUncertain } }

  /// The record at `offset`, if one was acknowledged there; with `anticipating` also if one is about to be.
  func record(at offset: Int64, anticipating: Bool = false) -> StoredDigest? {
    guard anticipating, offset >= end else { return history[offset] }
    var rest = Int(offset - end)
    for batch in open {
      if rest < batch.records.count { return batch.records[rest] }
      rest -= batch.records.count
    }
    return nil
  }

  /// When the last of the records before `offset` was handed over.
  func since(before offset: Int64) -> Int64 { batches.last { $0.baseOffset < offset }?.since ?? 0 }

  mutating func submit(_ encoded: EncodedBatch, _ records: [StoredDigest], since: Int64) -> Int {
    nextNumber += 1
    open.append(Batch(number: nextNumber, records: records, encoded: encoded, since: since))
    return nextNumber
  }

  /// The log took the batch and told so. Returns what is wrong with that, or nil.
  mutating func acknowledge(_ number: Int, at offset: Int64, nanos: Int64) -> String? {
    guard let place = open.firstIndex(where: { $0.number == number }) else {
      return "batch \(number) was decided before"
    }
    guard place == 0 else { return "batch \(number) was acknowledged before batch \(open[0].number)" }
    guard offset == end else { return "batch \(number) was acknowledged at \(offset), the partition ends at \(end)" }
    keep(open.removeFirst(), nanos)
    return nil
  }

  private mutating func keep(_ batch: Batch, _ nanos: Int64) {
    batches.append(
      Kept(baseOffset: end, encoded: batch.encoded, since: batch.since, acknowledgedNanos: nanos))
    for record in batch.records { history.append(record) }
  }

  /// The log told that nothing of the batch was kept.
  mutating func refuse(_ number: Int) { open.removeAll { $0.number == number } }

  /// The log told that it failed: the batch may be there or not.
  mutating func doubt(_ number: Int) {
    guard let place = open.firstIndex(where: { $0.number == number }) else { return }
    open[place].isUncertain = true
  }

  // MARK: What must be on disk

  mutating func noteSynced(to end: Int64) { syncedEnd = max(syncedEnd, min(end, self.end)) }

  /// All that was acknowledged until then is on disk.
  mutating func noteSynced(until nanos: Int64) {
    guard let first = batches.lastIndex(where: { $0.acknowledgedNanos <= nanos }) else { return }
    noteSynced(to: first + 1 < batches.count ? batches[first + 1].baseOffset : end)
  }

  // MARK: A restart

  /// Compares with what a restart found: everything that must be there, then some of what was open, from the first on,
  /// each whole. Takes that over. Where `mayLose`, only what was synced must be there. Returns what is wrong, or nil.
  mutating func reconcile(_ found: PartitionContent, mayLose: Bool) -> String? {
    let needed = mayLose ? syncedEnd : max(end, seenEnd, followedEnd)
    guard found.end >= needed else { return "ends at \(found.end), and \(needed) records must be there" }
    if found.end < end, let batch = cut(to: found.end) { return "ends within the batch at \(batch)" }
    for batch in open where found.end > end {
      guard found.end >= end + Int64(batch.records.count) else { return "holds a part of batch \(batch.number)" }
      keep(batch, 0)
    }
    return take(found)
  }

  private mutating func take(_ found: PartitionContent) -> String? {
    guard found.end == end else { return "\(found.end - end) records that nobody wrote" }
    for record in found.records where history[record.offset] != record.stored {
      return "offset \(record.offset) is another record"
    }
    open.removeAll()
    (seenEnd, followedEnd, syncedEnd) = (end, end, end)
    return nil
  }

  /// Only whole batches may be lost, from the end: returns where one begins that is lost in part.
  private mutating func cut(to end: Int64) -> Int64? {
    batches.removeAll { $0.baseOffset >= end }
    history.cut(to: end)
    open.removeAll()
    guard let last = batches.last, last.baseOffset + Int64(last.encoded.recordCount) != end else { return nil }
    return last.baseOffset
  }
}
