// What was promised, and whether it was kept.

import Codecs
import Core
import Kit
import Log

/// A partition as it was last seen.
struct PartitionSight {
  var epoch: UInt32?
  var start: Int64 = 0
}

extension Simulation {
  func violate(_ text: String) {
    guard violation == nil else { return }
    violation = "operation \(counts.operations): \(text)"
    disk.trace.add("VIOLATION \(text)", -1)
  }

  /// Whether something happened in this process of which the error is a consequence.
  func isCaused(_ error: LogError) -> Bool {
    if disk.isDown { return true }
    return switch error {
    case .failed: disk.faults.failures > failuresBefore || disk.faults.refusals > refusalsBefore
    case .diskFull: disk.faults.refusals > refusalsBefore
    case .closed: isClosing
    default: false
    }
  }

  func check(_ error: LogError, _ what: String) {
    if !isCaused(error) { violate("\(what): \(error), without a cause") }
  }

  // MARK: Partitions

  /// Input partitions come first, then the derived ones.
  func number(_ index: Int, _ topic: Int) -> Int { inputs.count + index * DerivedModel.topics.count + topic }

  func partition(_ number: Int, _ process: Process) -> Partition {
    guard let (index, topic) = derivedPlace(number) else { return process.inputs[number] }
    return process.derived[index][topic]
  }

  func derivedPlace(_ number: Int) -> (index: Int, topic: Int)? {
    guard number >= inputs.count else { return nil }
    let place = (number - inputs.count).quotientAndRemainder(dividingBy: DerivedModel.topics.count)
    return (place.quotient, place.remainder)
  }

  func policy(_ number: Int) -> TopicPolicy { derivedPlace(number).map { weather.derived[$0.topic] } ?? weather.input }

  func foldLedger(_ index: Int) {
    do { try derived[index].fold(inputs[index]) } catch { violate("the reference fold: \(error)") }
  }

  /// What the partition held or holds.
  private func history(_ number: Int) -> History {
    guard let (index, topic) = derivedPlace(number) else { return inputs[number].history }
    return derived[index].expected[topic]
  }

  // MARK: Records

  /// Compares stored batches, which must follow each other, with the ledger. Who reads may read up to `end`, and what
  /// is on its way if `anticipating`. Returns the offset after the last batch.
  func compare(
    _ bytes: RawSpan, _ number: Int, _ what: String, from offset: Int64, _ end: Int64, anticipating: Bool = false
  ) -> Int64? {
    let batches: [ReadBatch]
    do throws(CodecError) { batches = try readBatches(bytes) } catch {
      violate("\(what): \(error)")
      return nil
    }
    if let place = derivedPlace(number) { foldLedger(place.index) }
    var next = batches.first?.baseOffset ?? offset
    if next > offset { violate("\(what): begins with \(next)") }
    for batch in batches where violation == nil {
      if batch.baseOffset != next { violate("\(what): the batch at \(batch.baseOffset) follows \(next - 1)") }
      if number < inputs.count, batch.lastOffset >= end { violate("\(what): \(batch.lastOffset) is beyond \(end)") }
      for record in batch.records where violation == nil {
        judge(record, after: next, number, what, end, anticipating: anticipating)
        next = record.offset + 1
      }
      judgeGap(next..<batch.lastOffset + 1, number, what, end)
      next = batch.lastOffset + 1
    }
    return violation == nil ? next : nil
  }

  /// Compares all that was found in a partition.
  func judge(_ found: PartitionContent, _ number: Int, _ partition: Partition) {
    let what = "\(partition.topic)-\(partition.index)"
    if let place = derivedPlace(number) { foldLedger(place.index) }
    var next = found.start
    for record in found.records where violation == nil {
      judge(record, after: next, number, what, found.end)
      next = record.offset + 1
    }
    judgeGap(next..<found.end, number, what, found.end)
  }

  private func judge(
    _ record: ReadRecord, after next: Int64, _ number: Int, _ what: String, _ end: Int64, anticipating: Bool = false
  ) {
    counts.recordsRead += 1
    guard record.offset >= next else { return violate("\(what): \(record.offset) comes after \(next - 1)") }
    judgeGap(next..<record.offset, number, what, end)
    let expected =
      number < inputs.count
      ? inputs[number].record(at: record.offset, anticipating: anticipating) : history(number)[record.offset]
    if record.stored != expected { violate("\(what): offset \(record.offset) holds another record than was written") }
  }

  /// Only compaction leaves records out.
  private func judgeGap(_ offsets: Range<Int64>, _ number: Int, _ what: String, _ end: Int64) {
    guard !offsets.isEmpty, violation == nil else { return }
    let history = history(number)
    for offset in offsets where !mayBeGone(offset, number, history, end) {
      return violate("\(what): offset \(offset) is missing")
    }
    counts.compacted += offsets.count
  }

  /// Whether compaction may have left the record out for who may read up to `end`: for a newer one of its key, or, if
  /// it says that the key is gone, once everybody had the time to learn of that.
  private func mayBeGone(_ offset: Int64, _ number: Int, _ history: History, _ end: Int64) -> Bool {
    guard let policy = policy(number).compaction, let record = history[offset], record.key != nil else { return false }
    // A task that cannot use its newest checkpoints goes back to before what was compacted. The newer record comes.
    let isSetBack = derivedPlace(number).map { hasDamagedCheckpoints[$0.index] } ?? false
    if history.isSuperseded(offset, below: isSetBack ? history.end : end) { return true }
    guard record.isTombstone, number < inputs.count else { return false }
    return ticks.forwardNanos - inputs[number].since(before: offset + 1) >= policy.tombstoneMillis * 1_000_000
  }
}
