// Those who read, by offset and by time.

import Codecs
import Kit
import Log

/// Where a reader is.
struct ReaderPosition {
  /// Input partitions first, then the derived ones.
  var partition = 0
  var offset: Int64 = 0
}

extension Simulation {
  /// Reads on from where the reader was, or from anywhere.
  func read(_ reader: Int) {
    guard let process else { return }
    let count = inputs.count + derived.count * DerivedModel.topics.count
    if random.next() % 8 == 0 {
      readers[reader].partition = Int.random(in: 0..<count, using: &random)
      let end = partition(readers[reader].partition, process).highWatermark
      readers[reader].offset = Int64.random(in: 0...end, using: &random)
    }
    let place = readers[reader]
    let maxBytes = [1, 200, 1000, 5000][Int(random.next() % 4)]
    let end = check(place.partition, process, from: place.offset, maxBytes: maxBytes)
    readers[reader].offset = end ?? 0
  }

  func partition(_ number: Int, _ process: Process) -> Partition {
    if number < inputs.count { return process.inputs[number] }
    let (index, topic) = (number - inputs.count).quotientAndRemainder(dividingBy: DerivedModel.topics.count)
    return process.derived[index][topic]
  }

  /// Reads once and compares. Returns the offset after the last record, or nil if there was an error.
  private func check(_ number: Int, _ process: Process, from offset: Int64, maxBytes: Int) -> Int64? {
    let partition = partition(number, process)
    let what = "\(partition.topic)-\(partition.index) from \(offset)"
    let watermark = partition.highWatermark
    note(watermark, of: number)
    var buffer = ByteWriter()
    do throws(LogError) {
      let isFound = try partition.read(from: offset, maxBytes: maxBytes, into: &buffer)
      guard isFound == (offset < watermark) else {
        violate("\(what): \(isFound ? "something" : "nothing") at high watermark \(watermark)")
        return nil
      }
      let end = compare(buffer.bytes, number, what, from: offset, watermark)
      disk.trace.add("read \(what) to \(end ?? -1)", Int64(number), offset, end ?? -1)
      return end
    } catch {
      disk.trace.add("read \(what): \(error)", Int64(number), offset, -1)
      if case .afterEnd(let end) = error, offset > watermark, end == watermark, number >= inputs.count { return nil }
      // Half a cut, or half a recovery, of a log that has failed.
      if number >= inputs.count, process.log.failure != nil { return nil }
      check(error, what)
      return nil
    }
  }

  /// Nobody who saw a record of an input topic may ever be told that there is none, nor, within one process, who saw
  /// one of a derived topic after its fold had found its place.
  func note(_ watermark: Int64, of number: Int) {
    guard number < inputs.count else {
      let (index, topic) = (number - inputs.count).quotientAndRemainder(dividingBy: DerivedModel.topics.count)
      guard let seenEnd = process?.seenEnds[index]?[topic] else { return }
      if watermark < seenEnd { violate("\(DerivedModel.topics[topic])-\(index): went back to \(watermark)") }
      process?.seenEnds[index]?[topic] = watermark
      return
    }
    if watermark < inputs[number].seenEnd { violate("the high watermark went back to \(watermark)") }
    inputs[number].seenEnd = watermark
  }

  /// Compares stored batches with the ledger. Returns the offset after the last record.
  func compare(
    _ bytes: RawSpan, _ number: Int, _ what: String, from offset: Int64, _ watermark: Int64
  ) -> Int64? {
    guard bytes.byteCount > 0 else { return offset }
    let batches: [ReadBatch]
    do throws(CodecError) { batches = try readBatches(bytes) } catch {
      violate("\(what): \(error)")
      return nil
    }
    var next = batches.first?.baseOffset ?? 0
    guard next <= offset else {
      violate("\(what): begins with \(next)")
      return nil
    }
    for record in batches.lazy.flatMap(\.records) {
      guard record.offset == next, next < watermark else {
        violate("\(what): offset \(record.offset) for \(next), high watermark \(watermark)")
        return nil
      }
      guard record.stored == expected(number, at: next) else {
        violate("\(what): offset \(next) holds another record than was written")
        return nil
      }
      next += 1
      counts.recordsRead += 1
    }
    return next
  }

  /// What must be at `offset`, or nil if nothing was ever written there.
  private func expected(_ number: Int, at offset: Int64) -> StoredDigest? {
    if number < inputs.count { return inputs[number].record(at: offset) }
    let (index, topic) = (number - inputs.count).quotientAndRemainder(dividingBy: DerivedModel.topics.count)
    foldLedger(index)
    let records = derived[index].expected[topic]
    return offset < records.count ? records[Int(offset)] : nil
  }

  func foldLedger(_ index: Int) {
    do { try derived[index].fold(inputs[index]) } catch { violate("the reference fold: \(error)") }
  }

  /// Everything in a partition, read in pieces of any size.
  func readAll(_ number: Int, _ process: Process) -> [StoredDigest]? {
    let partition = partition(number, process)
    var records: [StoredDigest] = []
    var buffer = ByteWriter()
    let maxBytes = [300, 4000, 100_000][Int(random.next() % 3)]
    do {
      while true {
        buffer.removeAll()
        let offset = Int64(records.count)
        guard try partition.read(from: offset, maxBytes: maxBytes, into: &buffer) else { return records }
        for record in try readBatches(buffer.bytes).lazy.flatMap(\.records) where record.offset >= offset {
          guard record.offset == Int64(records.count) else {
            violate("\(partition.topic)-\(partition.index): \(record.offset) follows \(records.count - 1)")
            return nil
          }
          records.append(record.stored)
        }
      }
    } catch {
      violate("\(partition.topic)-\(partition.index) from \(records.count): \(error)")
      return nil
    }
  }

  // MARK: By time

  func lookUp() {
    guard let process else { return }
    let index = Int.random(in: inputs.indices, using: &random)
    let partition = process.inputs[index]
    let end = min(partition.highWatermark, inputs[index].end)
    note(partition.highWatermark, of: index)
    var time = ticks.wallNanos / 1_000_000 + Int64.random(in: -200_000...100_000, using: &random)
    if end > 0, random.next() % 2 == 0 {
      let known = inputs[index].records[Int.random(in: 0..<Int(end), using: &random)].timestampMillis
      time = known + Int64.random(in: -1...1, using: &random)
    }
    do throws(LogError) {
      let found = try partition.offset(atOrAfter: time)
      disk.trace.add("offset at \(time): \(found)", time, found)
      let expected = inputs[index].offset(atOrAfter: time, below: end)
      if found != expected { violate("partition \(index): the offset at \(time) is \(expected), not \(found)") }
    } catch { check(error, "offset at \(time)") }
  }
}
