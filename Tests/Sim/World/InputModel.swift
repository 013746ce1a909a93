// What an input partition must hold: a ledger outside the log.

import Codecs
import Log

/// Every batch that was handed to one input partition, and what became of it.
struct InputModel {
  struct Batch {
    var number: Int
    var records: [StoredDigest]
    var encoded: EncodedBatch
    /// The producer was told that it failed, but not how far it came.
    var isUncertain = false
  }

  /// The records that were acknowledged, or were found after a restart: in the log for good. By offset.
  private(set) var records: [StoredDigest] = []
  /// The same as batches with their base offsets, for the reference fold.
  private(set) var batches: [(baseOffset: Int64, encoded: EncodedBatch)] = []
  /// Handed over, in this order, and neither acknowledged nor certainly refused.
  private(set) var open: [Batch] = []
  /// The largest high watermark that anyone saw.
  var seenEnd: Int64 = 0
  private var nextNumber = 0

  var end: Int64 { Int64(records.count) }
  var inFlight: Int { open.count { !$0.isUncertain } }

  /// The record at `offset`, if one was acknowledged there or may be.
  func record(at offset: Int64) -> StoredDigest? { offset < end ? records[Int(offset)] : nil }

  mutating func submit(_ encoded: EncodedBatch, _ records: [StoredDigest]) -> Int {
    nextNumber += 1
    open.append(Batch(number: nextNumber, records: records, encoded: encoded))
    return nextNumber
  }

  /// The log took the batch and told so. Returns what is wrong with that, or nil.
  mutating func acknowledge(_ number: Int, at offset: Int64) -> String? {
    guard let place = open.firstIndex(where: { $0.number == number }) else {
      return "batch \(number) was decided before"
    }
    guard place == 0 else { return "batch \(number) was acknowledged before batch \(open[0].number)" }
    guard offset == end else { return "batch \(number) was acknowledged at \(offset), the partition ends at \(end)" }
    add(open.removeFirst())
    return nil
  }

  private mutating func add(_ batch: Batch) {
    batches.append((end, batch.encoded))
    records += batch.records
  }

  /// The log told that nothing of the batch was kept.
  mutating func refuse(_ number: Int) { open.removeAll { $0.number == number } }

  /// The log told that it failed: the batch may be there or not.
  mutating func doubt(_ number: Int) {
    guard let place = open.firstIndex(where: { $0.number == number }) else { return }
    open[place].isUncertain = true
  }

  /// Compares with what a restart found: everything that was acknowledged, then some of what was open, from the first
  /// on, each whole. Takes that over. Returns what is wrong, or nil.
  mutating func reconcile(_ found: [StoredDigest]) -> String? {
    guard found.count >= records.count else {
      return "\(records.count) records were acknowledged, \(found.count) are there"
    }
    guard Int64(found.count) >= seenEnd else { return "readers saw \(seenEnd) records, \(found.count) are there" }
    for offset in records.indices where found[offset] != records[offset] { return "offset \(offset) is another record" }
    for batch in open {
      let place = records.count
      guard found.count > place else { break }
      guard found.count >= place + batch.records.count,
        Array(found[place..<place + batch.records.count]) == batch.records
      else { return "offset \(place) does not begin batch \(batch.number), the next one of those handed over" }
      add(batch)
    }
    guard found.count == records.count else { return "\(found.count - records.count) records that nobody wrote" }
    open.removeAll()
    seenEnd = end
    return nil
  }

  /// The first offset below `end` that is not before the time.
  func offset(atOrAfter timestampMillis: Int64, below end: Int64) -> Int64 {
    Int64(records[..<Int(end)].firstIndex { $0.timestampMillis >= timestampMillis } ?? Int(end))
  }
}
