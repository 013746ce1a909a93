// What the log lets go of: retention and compaction.

import Codecs
import Log

extension Simulation {
  /// Closes what is old, lets go of what retention gives up.
  func keepUp() {
    guard let process else { return }
    do throws(LogError) { try process.log.maintain() } catch { check(error, "maintain") }
    for number in seen.indices where violation == nil { noteSight(of: number, partition(number, process)) }
  }

  /// Compacts, with the log's writer going on beside it.
  func clean() {
    guard let process else { return }
    do throws(LogError) { try process.log.compact() } catch { check(error, "compact") }
  }

  /// Looks at where a partition starts now.
  func noteSight(of number: Int, _ partition: Partition) {
    // Built anew, it is another one.
    if seen[number].epoch != partition.epoch { seen[number] = PartitionSight(epoch: partition.epoch, start: 0) }
    let (before, start) = (seen[number].start, partition.startOffset)
    seen[number].start = start
    disk.trace.add("partition \(number) starts at \(start)", Int64(number), start)
    if start < before { violate("partition \(number) starts at \(start), after it had started at \(before)") }
    guard start > before else { return }
    counts.releases += 1
    let policy = policy(number)
    if policy.retentionBytes == nil, policy.retentionMillis == nil { violate("partition \(number) lost its front") }
    guard number < inputs.count else { return }
    if number < derived.count { judgeRelease(number, start) }
    // How much the rest holds is known until it is cut; how old it is always.
    let age = ticks.forwardNanos - inputs[number].since(before: start)
    let isOld = policy.retentionMillis.map { age >= $0 * 1_000_000 } ?? false
    let isTooMuch = policy.retentionBytes.map { process == nil || byteCount(number) >= $0 } ?? false
    if !isOld, !isTooMuch { violate("partition \(number) starts at \(start), and all of it was to be kept") }
  }

  /// Every one of the newest checkpoints can be gone on from.
  private func judgeRelease(_ index: Int, _ start: Int64) {
    let names = (disk.names(checkpointDirectory(index)) ?? []).filter { $0.hasPrefix("checkpoint-") }
    let positions = names.compactMap { Int64($0.dropFirst("checkpoint-".count)) }.sorted()
    let needed = positions.suffix(Self.checkpointsKept).first ?? 0
    if start > needed { violate("partition \(index) starts at \(start), and the fold may need all from \(needed) on") }
  }

  private func segments(_ index: Int) -> [String] {
    let directory = "\(Self.directory)/topics/\(DerivedModel.input)-\(index)"
    return (disk.names(directory) ?? []).filter { $0.hasSuffix(".log") }.map { "\(directory)/\($0)" }
  }

  private func byteCount(_ index: Int) -> Int64 {
    segments(index).reduce(0) { $0 + Int64(disk.inode($1)?.cached.count ?? 0) }
  }

  /// The first offset of an input partition's last segment.
  func lastSegmentStart(_ index: Int) -> Int64 {
    segments(index).last.flatMap { Int64(SimulatedDisk.split($0).name.prefix(20)) } ?? 0
  }
}
