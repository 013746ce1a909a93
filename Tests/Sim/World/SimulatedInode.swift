// A file's content twice: as the machine sees it, and as it would be after the power failed.

import Codecs
import Kit

/// How much of what was not synced a power failure leaves.
enum Survival: CaseIterable {
  case nothing
  case everything
  /// What came first is there, with a tear in one sector.
  case firstPart
  /// Each sector and the length are of some moment since the last sync, independently.
  case scattered
}

/// One file of the simulated disk, under whatever names.
final class SimulatedInode {
  static let sectorBytes = 512

  private enum Change {
    case write(position: Int, bytes: [UInt8])
    case truncate(Int)
  }

  /// What reads return.
  private(set) var cached: [UInt8] = []
  private var durable: [UInt8] = []
  /// Since the last sync, in order.
  private var changes: [Change] = []
  /// How long the file was at the last sync but one, and at the last: what lies between was one round.
  private(set) var syncedCounts = (previous: 0, last: 0)
  /// A sync failed: the cache holds pages that it calls clean and that the disk never got.
  private(set) var isCacheDoubtful = false
  var isLocked = false

  init() {}

  func write(_ bytes: RawSpan, at position: Int) {
    guard bytes.byteCount > 0 else { return }
    record(.write(position: position, bytes: [UInt8](bytes)))
  }

  func truncate(to count: Int) { if count != cached.count { record(.truncate(count)) } }

  private func record(_ change: Change) {
    Self.apply(change, to: &cached)
    changes.append(change)
  }

  private static func apply(_ change: Change, to content: inout [UInt8]) {
    switch change {
    case .truncate(let count):
      if count < content.count { content.removeSubrange(count...) } else { pad(&content, to: count) }
    case .write(let position, let bytes):
      pad(&content, to: position)
      let overlap = min(bytes.count, content.count - position)
      if overlap > 0 { content.replaceSubrange(position..<position + overlap, with: bytes[..<overlap]) }
      content.append(contentsOf: bytes[overlap...])
    }
  }

  private static func pad(_ content: inout [UInt8], to count: Int) {
    if content.count < count { content.append(contentsOf: [UInt8](repeating: 0, count: count - content.count)) }
  }

  func sync() {
    for change in changes { Self.apply(change, to: &durable) }
    changes.removeAll(keepingCapacity: true)
    syncedCounts = (syncedCounts.last, durable.count)
  }

  /// The disk refused: any part of what was to be synced may have reached it, and no later sync tries again. The
  /// length, which the file system's journal holds, is that of now.
  func failSync(_ random: inout SplitMix) {
    if changes.isEmpty { return }
    durable = remains(.scattered, length: changes.count, &random)
    changes.removeAll(keepingCapacity: true)
    isCacheDoubtful = true
  }

  /// The machine needs the memory: clean pages are read from the disk again.
  func evict() {
    guard isCacheDoubtful, changes.isEmpty else { return }
    cached = durable
    isCacheDoubtful = false
  }

  func losePower(_ survival: Survival, _ random: inout SplitMix) {
    if !changes.isEmpty { durable = remains(survival, &random) }
    changes.removeAll(keepingCapacity: true)
    cached = durable
    isCacheDoubtful = false
    isLocked = false
    syncedCounts = (durable.count, durable.count)
  }

  /// Rots one bit, on the disk and in the cache.
  func flip(bit: Int) {
    for change in changes { Self.apply(change, to: &durable) }
    changes.removeAll(keepingCapacity: true)
    guard bit / 8 < cached.count else { return }
    cached[bit / 8] ^= 1 << UInt8(bit % 8)
    if bit / 8 < durable.count { durable[bit / 8] ^= 1 << UInt8(bit % 8) }
  }

  private func remains(_ survival: Survival, length: Int? = nil, _ random: inout SplitMix) -> [UInt8] {
    if survival == .nothing { return durable }
    var moments = [durable]
    for change in changes {
      var next = moments[moments.count - 1]
      Self.apply(change, to: &next)
      moments.append(next)
    }
    if survival == .everything { return moments[moments.count - 1] }
    let isScattered = survival == .scattered
    let first = Int.random(in: 0..<moments.count, using: &random)
    let last = min(first + 1, moments.count - 1)
    let lengthMoment =
      length ?? (isScattered ? Int.random(in: 0..<moments.count, using: &random) : last)
    let count = moments[lengthMoment].count
    let sectors = (count + Self.sectorBytes - 1) / Self.sectorBytes
    let tear = Int.random(in: 0...sectors, using: &random)
    let isGarbage = random.next() % 4 == 0
    var content: [UInt8] = []
    content.reserveCapacity(count)
    for sector in 0..<sectors {
      let moment =
        isScattered ? Int.random(in: 0..<moments.count, using: &random) : (sector < tear ? last : first)
      let end = min(count, (sector + 1) * Self.sectorBytes)
      let known = min(end, moments[moment].count)
      if content.count < known { content.append(contentsOf: moments[moment][content.count..<known]) }
      // A length that got to the disk before the bytes: what is there now is zeros, or what was there before.
      while content.count < end { content.append(isGarbage ? UInt8(truncatingIfNeeded: random.next()) : 0) }
    }
    return content
  }
}
