// Bits that rot on the disk: found out and named, or harmless, and never a wrong answer.

import Codecs
import Core
import Kit
import Log

extension Simulation {
  /// Flips one bit of something that is durable, and sees what comes of it.
  func rot() {
    guard let process, process.log.failure == nil, disk.callsUntilCrash == nil, !disk.isDown else { return }
    counts.flips += 1
    switch random.next() % 4 {
    case 0: rotCheckpoint()
    case 1: rotIndex(process)
    default: rotSegment(process)
    }
  }

  private func directory(_ partition: Partition) -> String {
    "\(Self.directory)/topics/\(partition.topic)-\(partition.index)"
  }

  private func files(_ directory: String, _ suffixes: [String]) -> [String] {
    (disk.names(directory) ?? []).filter { name in suffixes.contains { name.hasSuffix($0) } }
      .map { "\(directory)/\($0)" }
  }

  private func flipAnyBit(_ path: String?) -> Bool {
    guard let path, let inode = disk.inode(path), !inode.cached.isEmpty else { return false }
    inode.flip(bit: Int.random(in: 0..<inode.cached.count * 8, using: &random))
    disk.trace.add("rot \(path)", Int64(inode.cached.count))
    return true
  }

  /// A task passes a damaged checkpoint over; without any, or without its fingerprint, it builds its topics anew. The
  /// bit stays as it is.
  private func rotCheckpoint() {
    guard !derived.isEmpty else { return }
    let index = Int.random(in: derived.indices, using: &random)
    let path = files(checkpointDirectory(index), [""]).randomElement(using: &random)
    guard flipAnyBit(path) else { return }
    hasDamagedCheckpoints[index] = true
    process?.tasks[index] = nil
  }

  /// An index is only a convenience: with a wrong one everything is found all the same. The bit stays as it is. (Not in
  /// the last segment's index by time, which has no checksum yet: a wrong time there is believed.)
  private func rotIndex(_ process: Process) {
    let directory = directory(process.inputs[Int.random(in: inputs.indices, using: &random)])
    let times = files(directory, [".timeindex"]).dropLast()
    _ = flipAnyBit((files(directory, [".index"]) + times).randomElement(using: &random))
  }

  /// A damaged batch is refused, by file and byte, and all others are what they were. The log may also refuse to open.
  /// Then the bit is put right, and nothing must be missing.
  private func rotSegment(_ process: Process) {
    let index = Int.random(in: inputs.indices, using: &random)
    let segments = files(directory(process.inputs[index]), [".log"])
    // The last one, in which recovery must tell damage from a torn write, or any.
    let chosen = random.next() % 2 == 0 ? segments.last : segments.randomElement(using: &random)
    guard let path = chosen, let inode = disk.inode(path) else { return }
    // What may be the last round looks like a torn write; before it there is no excuse.
    let counts = inode.syncedCounts
    let end = path != segments.last ? inode.cached.count : counts.previous < counts.last ? counts.previous : 0
    guard end > 0 else { return }
    let bit = Int.random(in: 0..<end * 8, using: &random)
    disk.trace.add("rot \(path) \(bit / 8)", Int64(bit))
    disk.faults.isSuspended = true
    defer { disk.faults.isSuspended = false }
    if random.next() % 2 == 0 {
      inode.flip(bit: bit)
      lookForDamage(process, index, path, bit / 8)
      inode.flip(bit: bit)
      return
    }
    closeOrderly()
    guard violation == nil else { return }
    inode.flip(bit: bit)
    do throws(LogError) {
      let opened = try open()
      lookForDamage(opened, index, path, bit / 8)
      opened.log.close()
    } catch {
      if !isNamed(error, path, bit / 8) { violate("rot at \(path):\(bit / 8): \(error)") }
    }
    inode.flip(bit: bit)
    restart()
  }

  private func isNamed(_ error: LogError, _ path: String, _ byte: Int) -> Bool {
    guard case .corrupt(path, let found, _) = error else { return false }
    // A rotten length leads to where no batch begins, and that is what is named then: up to the greatest length away.
    return (byte - 8000..<byte + Limits.batchBytesMax).contains(Int(found))
  }

  /// Reads batch by batch: one at least is refused for the flipped bit, and every other one is right.
  private func lookForDamage(_ process: Process, _ index: Int, _ path: String, _ byte: Int) {
    let partition = process.inputs[index]
    var refused = 0
    for offset in inputs[index].batches.map(\.baseOffset) where violation == nil {
      guard offset >= partition.startOffset, offset < partition.highWatermark else { continue }
      var buffer = ByteWriter()
      do throws(LogError) {
        _ = try partition.read(from: offset, maxBytes: 1, into: &buffer)
        _ = compare(buffer.bytes, index, "beside rot, \(offset)", from: offset, partition.highWatermark)
      } catch {
        refused += 1
        if !isNamed(error, path, byte) { violate("rot at \(path):\(byte): \(error)") }
      }
    }
    if refused == 0, weather.input.compaction == nil, !isUnsyncedCount(path, byte) {
      violate("rot at \(path):\(byte) was not found")
    }
  }

  /// Bytes 12 to 15 of a batch, which say how much before it was not synced when it was written, are covered by no
  /// checksum. Where they happen to make sense, nothing that anybody reads is different.
  private func isUnsyncedCount(_ path: String, _ byte: Int) -> Bool {
    let content = disk.inode(path)?.cached ?? []
    var start = 0
    while start + 16 <= content.count, start <= byte {
      if (start + 12..<start + 16).contains(byte) { return true }
      start += 12 + content[start + 8..<start + 12].reduce(0) { $0 << 8 | Int($1) }
    }
    return false
  }
}
