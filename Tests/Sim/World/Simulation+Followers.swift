// Those who read from other processes, through the files alone.

import Codecs
import Kit
import Log

/// A process that reads a log which another one writes. It outlives that one, but not the machine.
struct Follower {
  var log: SegmentedLog<SimulatedFiles>?
  var place = ReaderPosition()
  /// Of the partition it reads: what it knew of it when it read last.
  var epoch: UInt32?
  var watermark: Int64 = 0
}

extension Simulation {
  /// Opens the log, or looks for more and reads on.
  func follow(_ index: Int) {
    do throws(LogError) {
      guard let log = followers[index].log else {
        followers[index].log = try SimulatedLog.open(
          directory: Self.directory, readOnly: true, options: weather.options, files: SimulatedFiles(beside: disk))
        followers[index].epoch = nil
        return
      }
      if random.next() % 2 == 0 { _ = log.waitForChange(after: log.generation, timeoutNanos: 0) }
      if random.next() % 8 == 0 {
        followers[index].place = ReaderPosition(partition: Int.random(in: seen.indices, using: &random))
        followers[index].epoch = nil
      }
      try read(log, index)
    } catch {
      disk.trace.add("follower \(index): \(error)", Int64(index), -1)
      check(error, "follower \(index)")
    }
  }

  private func read(_ log: SimulatedLog, _ index: Int) throws(LogError) {
    let (number, offset) = (followers[index].place.partition, followers[index].place.offset)
    // Unless it waits for a sync, a batch can be read from the file before a full disk refuses the rest of the round.
    if number < inputs.count, weather.mayForget, weather.hasFullDisk { return }
    // It may look before all topics are there.
    guard let partition = try? followed(log, number) else { return }
    if followers[index].epoch != partition.epoch {
      followers[index].epoch = partition.epoch
      followers[index].watermark = 0
      followers[index].place.offset = Int64.random(in: 0...partition.highWatermark, using: &random)
      return
    }
    let (watermark, epoch) = (partition.highWatermark, partition.epoch)
    var buffer = ByteWriter()
    var isFound = false
    var start: Int64?
    do throws(LogError) {
      isFound = try partition.read(from: offset, maxBytes: drawReadSize(), into: &buffer)
    } catch {
      switch error {
      // Positions are of one epoch.
      case _ where partition.epoch != epoch: return
      case .beforeStart(let earliest) where offset < earliest: start = earliest
      case .afterEnd(let end) where number >= inputs.count && end < offset: start = 0
      default: throw error
      }
    }
    guard partition.epoch == epoch, epoch == seen[number].epoch else { return }
    let what = "follower \(index), \(partition.topic)-\(partition.index) from \(offset)"
    let end = max(watermark, partition.highWatermark)
    if number < inputs.count { note(end, index, number) }
    if start == nil, isFound != (offset < watermark), number < inputs.count, !isFound || offset >= end {
      violate("\(what): \(isFound ? "something" : "nothing") at high watermark \(watermark)")
    }
    let next = compare(buffer.bytes, number, what, from: offset, end, anticipating: true)
    disk.trace.add("\(what) to \(next ?? -1)", Int64(number), offset, next ?? -1)
    counts.followed += Int(max(0, (next ?? offset) - offset))
    followers[index].place.offset = start ?? next ?? offset
  }

  private func followed(_ log: SimulatedLog, _ number: Int) throws(LogError) -> Partition {
    guard let (index, topic) = derivedPlace(number) else { return try log.partition(DerivedModel.input, number) }
    return try log.partition(DerivedModel.topics[topic], index)
  }

  /// What a follower saw is there for good, too.
  private func note(_ watermark: Int64, _ index: Int, _ number: Int) {
    if watermark < followers[index].watermark { violate("follower \(index): the end went back to \(watermark)") }
    followers[index].watermark = watermark
    inputs[number].followedEnd = max(inputs[number].followedEnd, watermark)
  }
}
