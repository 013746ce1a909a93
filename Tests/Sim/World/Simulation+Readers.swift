// Those who read in the process that writes, by offset and by time.

import Codecs
import Kit
import Log

/// Where a reader is.
struct ReaderPosition {
  var partition = 0
  var offset: Int64 = 0
}

extension Simulation {
  /// Reads on from where the reader was, or from anywhere.
  func read(_ reader: Int) {
    guard let process else { return }
    if random.next() % 8 == 0 {
      readers[reader].partition = Int.random(in: seen.indices, using: &random)
      let end = partition(readers[reader].partition, process).highWatermark
      readers[reader].offset = Int64.random(in: 0...end, using: &random)
    }
    let place = readers[reader]
    let end = check(place, process, maxBytes: drawReadSize())
    if let end { readers[reader].offset = end }
  }

  func drawReadSize() -> Int { [1, 200, 1000, 5000][Int(random.next() % 4)] }

  /// Reads once, while others go on, and compares. Returns where to read on, or nil if there was an error.
  private func check(_ place: ReaderPosition, _ process: Process, maxBytes: Int) -> Int64? {
    let (number, offset) = (place.partition, place.offset)
    let partition = partition(number, process)
    let what = "\(partition.topic)-\(partition.index) from \(offset)"
    let (watermark, epoch, starts) = (partition.highWatermark, partition.epoch, taskStarts)
    note(watermark, of: number)
    var buffer = ByteWriter()
    do throws(LogError) {
      let isFound = try partition.read(from: offset, maxBytes: maxBytes, into: &buffer)
      // Built anew meanwhile: what was read is of before, and of no worth.
      guard partition.epoch == epoch else { return 0 }
      // The end of a derived partition may have been cut and grown meanwhile.
      let isSteady = number < inputs.count || starts == taskStarts && watermark == partition.highWatermark
      guard isFound == (offset < watermark) || !isSteady || (isFound && offset < partition.highWatermark) else {
        violate("\(what): \(isFound ? "something" : "nothing") at high watermark \(watermark)")
        return nil
      }
      let end = compare(buffer.bytes, number, what, from: offset, max(watermark, partition.highWatermark))
      disk.trace.add("read \(what) to \(end ?? -1)", Int64(number), offset, end ?? -1)
      return end
    } catch {
      disk.trace.add("read \(what): \(error)", Int64(number), offset, -1)
      switch error {
      case .beforeStart(let start) where offset < start && start <= partition.startOffset: return start
      case .afterEnd(let end) where number >= inputs.count && end < offset: return 0
      // Half a cut, or half a recovery, of a log that has failed.
      case _ where number >= inputs.count && process.log.failure != nil: return 0
      default: check(error, what)
      }
      return nil
    }
  }

  /// Nobody who saw a record of an input topic may ever be told that there is none, nor, within one process, who saw
  /// one of a derived topic after its fold had found its place.
  private func note(_ watermark: Int64, of number: Int) {
    if let (index, topic) = derivedPlace(number) {
      guard let seenEnd = process?.seenEnds[index]?[topic] else { return }
      if watermark < seenEnd { violate("\(DerivedModel.topics[topic])-\(index): went back to \(watermark)") }
      process?.seenEnds[index]?[topic] = watermark
      return
    }
    if watermark < inputs[number].seenEnd { violate("the high watermark went back to \(watermark)") }
    inputs[number].seenEnd = watermark
  }

  /// Everything in a partition, read in pieces of any size.
  func readAll(_ number: Int, _ process: Process) -> PartitionContent? {
    let partition = partition(number, process)
    var found = PartitionContent(start: partition.startOffset, end: partition.startOffset)
    var buffer = ByteWriter()
    let maxBytes = [300, 4000, 100_000][Int(random.next() % 3)]
    do {
      while true {
        buffer.removeAll()
        guard try partition.read(from: found.end, maxBytes: maxBytes, into: &buffer) else { return found }
        for batch in try readBatches(buffer.bytes) {
          // The first one of all may begin before the start.
          guard batch.baseOffset == found.end || (found.records.isEmpty && batch.baseOffset < found.end) else {
            violate("\(partition.topic)-\(partition.index): \(batch.baseOffset) follows \(found.end - 1)")
            return nil
          }
          found.records += batch.records.filter { $0.offset >= found.start }
          found.end = batch.lastOffset + 1
        }
      }
    } catch {
      violate("\(partition.topic)-\(partition.index) from \(found.end): \(error)")
      return nil
    }
  }

  // MARK: By time

  /// Asks for a time while others go on: what was true at any moment of that is right.
  func lookUp() {
    guard let process else { return }
    let index = Int.random(in: inputs.indices, using: &random)
    let partition = process.inputs[index]
    note(partition.highWatermark, of: index)
    let time = drawTime(index)
    let before = (start: partition.startOffset, end: min(partition.highWatermark, inputs[index].end))
    do throws(LogError) {
      let found = try partition.offset(atOrAfter: time)
      disk.trace.add("offset at \(time): \(found)", time, found)
      // Which one it is depends on what compaction left.
      guard weather.input.compaction == nil, !disk.isDown else { return }
      let end = min(partition.highWatermark, inputs[index].end)
      let history = inputs[index].history
      let possible = [before.start, partition.startOffset].map { start in
        history.offset(atOrAfter: time, from: start, below: end)
      }
      let isEnd = found >= before.end
      guard possible[0] <= found, found <= possible[1], isEnd || history.records[Int(found)].timestampMillis >= time
      else { return violate("partition \(index): the offset at \(time) is in \(possible), not \(found)") }
    } catch { check(error, "offset at \(time)") }
  }

  /// Any time, or that of a record, more or less.
  private func drawTime(_ index: Int) -> Int64 {
    let history = inputs[index].history
    guard history.end > 0, random.next() % 2 == 0 else {
      return ticks.wallNanos / 1_000_000 + Int64.random(in: -200_000...100_000, using: &random)
    }
    let known = history.records[Int.random(in: 0..<Int(history.end), using: &random)].timestampMillis
    return known + Int64.random(in: -1...1, using: &random)
  }
}
