// A disk in memory that knows what a power failure would leave of it, and fails when it is told to.

import Codecs
import Kit
import Log

/// One kind of call to the disk.
enum DiskOperation: UInt8, CaseIterable {
  case open, create, lock, list, makeDirectory, rename, remove, syncDirectory, read, write, sync, truncate, byteCount

  /// Whether an error of it is final for a log.
  var isChange: Bool {
    switch self {
    case .create, .rename, .remove, .syncDirectory, .write, .sync, .truncate: true
    case .open, .lock, .list, .makeDirectory, .read, .byteCount: false
    }
  }
}

/// The names of one directory: as the machine sees them, and what of them is on disk.
private struct SimulatedDirectory {
  /// One step: a creation, a removal, or both at once, which is a rename.
  typealias Change = [(name: String, inode: SimulatedInode?)]

  var cached: [String: SimulatedInode] = [:]
  var durable: [String: SimulatedInode] = [:]
  var changes: [Change] = []
  /// Its own name in the directory above is on disk.
  var isNamed = false

  mutating func record(_ change: Change) {
    Self.apply(change, to: &cached)
    changes.append(change)
  }

  static func apply(_ change: Change, to names: inout [String: SimulatedInode]) {
    for (name, inode) in change { names[name] = inode }
  }

  mutating func sync() {
    for change in changes { Self.apply(change, to: &durable) }
    changes.removeAll()
  }

  mutating func losePower(_ survival: Survival, _ random: inout SplitMix) {
    let kept = Int.random(in: 0...changes.count, using: &random)
    for (index, change) in changes.enumerated() {
      let isKept =
        switch survival {
        case .nothing: false
        case .everything: true
        case .firstPart: index < kept
        case .scattered: random.next() % 2 == 0
        }
      if isKept { Self.apply(change, to: &durable) }
    }
    changes.removeAll()
    cached = durable
  }
}

/// Everything that happens to the disk is drawn from one seed. One thread plays all parts: `Sendable` in name only.
final class SimulatedDisk: @unchecked Sendable {
  var random: SplitMix
  var trace: TraceHash
  var faults = DiskFaults()
  private var directories: [String: SimulatedDirectory] = [:]
  /// Counts the processes that used the disk: what an earlier one left open is of no use any more.
  private(set) var process = 1
  /// Counts the starts of the machine.
  private(set) var boots: UInt64 = 1
  /// The process was killed or the power failed: every call fails, and changes nothing.
  private(set) var isDown = false
  /// After so many calls the process is killed, or the power fails.
  var callsUntilCrash: Int?
  /// How long the call that begins takes is reported here before it has an effect.
  var onCall: (DiskOperation) -> Void = { _ in }
  /// And that it failed is reported here.
  var onFailure: (DiskOperation) -> Void = { _ in }
  private(set) var callCount = 0
  /// The machine's clocks.
  var clock: () -> (monotonicNanos: Int64, wallNanos: Int64) = { (0, 0) }

  init(seed: UInt64, isVerbose: Bool) {
    random = SplitMix(seed: seed)
    trace = TraceHash(isVerbose: isVerbose)
  }

  // MARK: Calls

  /// Begins a call of the process of that number, or of one that only reads, if it is nil. Throws if it fails with
  /// nothing done; a `DiskFaults.Outcome` tells how else it ends.
  func begin(
    _ operation: DiskOperation, _ path: String, at position: Int64 = 0, count: Int = 0, needsSpace: Bool = false,
    process caller: Int?
  ) throws(FileError) -> DiskFaults.Outcome {
    func isOver() -> Bool { isDown || caller ?? process != process }
    if !isOver() {
      callCount += 1
      onCall(operation)
    }
    guard !isOver() else { throw FileError(code: 5, operation: "\(operation) \(path) after the end") }
    var outcome = faults.outcome(of: operation, needsSpace: needsSpace, &random)
    // Who only reads is not the one to be killed.
    if let calls = callsUntilCrash, caller != nil {
      callsUntilCrash = calls - 1
      if calls <= 0 {
        outcome = .crashes
        callsUntilCrash = nil
        isDown = true
      }
    }
    if outcome == .fails { onFailure(operation) }
    trace.add("\(operation) \(path)", Int64(operation.rawValue), position, Int64(count), Int64(outcome.code))
    return outcome
  }

  /// Whether an operation that cannot be half done is done although the call fails.
  func isDoneAnyway() -> Bool { random.next() % 2 == 0 }

  func error(_ outcome: DiskFaults.Outcome, _ operation: DiskOperation, _ path: String) -> FileError? {
    switch outcome {
    case .succeeds: nil
    case .fails, .crashes: FileError(code: 5, operation: "\(operation) \(path)")
    case .isFull: FileError(code: 28, operation: "\(operation) \(path)", isDiskFull: true)
    }
  }

  // MARK: Ends

  /// The next process starts, after the last one was killed or ended: what was written is still there.
  func restart(evicting: Bool) {
    process += 1
    isDown = false
    callsUntilCrash = nil
    for directory in directories.values {
      for inode in directory.cached.values {
        inode.isLocked = false
        if evicting { inode.evict() }
      }
    }
  }

  /// The machine starts again: of what was not synced, some is there.
  func losePower(_ survival: Survival) {
    process += 1
    boots += 1
    isDown = false
    callsUntilCrash = nil
    for path in directories.keys.sorted() {
      if !path.isEmpty, directories[path]?.isNamed == false, survival != .everything {
        directories = directories.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
      }
      directories[path]?.losePower(survival, &random)
      let inodes = directories[path]?.cached ?? [:]
      for name in inodes.keys.sorted() { inodes[name]?.losePower(survival, &random) }
    }
  }

  /// The process stops right now.
  func stop() {
    isDown = true
    callsUntilCrash = nil
  }

  // MARK: Names

  static func split(_ path: String) -> (directory: String, name: String) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
    return (String(path[..<slash]), String(path[path.utf8.index(after: slash)...]))
  }

  func inode(_ path: String) -> SimulatedInode? {
    let (directory, name) = Self.split(path)
    return directories[directory]?.cached[name]
  }

  func create(_ path: String) -> SimulatedInode? {
    let (directory, name) = Self.split(path)
    guard directories[directory] != nil else { return nil }
    let inode = SimulatedInode()
    directories[directory]?.record([(name, inode)])
    return inode
  }

  func rename(_ path: String, to newPath: String) {
    let (directory, name) = Self.split(path)
    let newName = Self.split(newPath).name
    let inode = inode(path)
    directories[directory]?.record([(name, nil), (newName, inode)])
  }

  func remove(_ path: String) {
    let (directory, name) = Self.split(path)
    directories[directory]?.record([(name, nil)])
  }

  func syncDirectory(_ path: String) {
    directories[path]?.sync()
    for below in directories.keys where !below.isEmpty && Self.split(below).directory == path {
      directories[below]?.isNamed = true
    }
  }

  func makeDirectory(_ path: String) { directories[path] = directories[path] ?? SimulatedDirectory() }

  /// The names in `directory`, sorted; nil if there is no such directory.
  func names(_ directory: String) -> [String]? {
    guard let found = directories[directory] else { return nil }
    let prefix = directory + "/"
    let below = directories.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.utf8.count).contains("/") }
    return (found.cached.keys + below.map { String($0.dropFirst(prefix.utf8.count)) }).sorted()
  }
}
