// The simulated disk as the log sees it.

import Codecs
import Log

/// The file system of one process on the simulated disk.
struct SimulatedFiles: LogFiles {
  let disk: SimulatedDisk
  /// Nil for one beside the writer's.
  let process: Int?

  init(_ disk: SimulatedDisk) {
    self.disk = disk
    process = disk.process
  }

  /// The file system of a process that reads what another one writes, and outlives it.
  init(beside disk: SimulatedDisk) {
    self.disk = disk
    process = nil
  }

  func monotonicNanos() -> Int64 { disk.clock().monotonicNanos }
  var bootID: UInt64 { disk.boots }
  func wallNanos() -> Int64 { disk.clock().wallNanos }

  private func missing(_ operation: DiskOperation, _ path: String) -> FileError {
    FileError(code: 2, operation: "\(operation) \(path)", isMissing: true)
  }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> SimulatedFile {
    let operation = mode == .create ? DiskOperation.create : .open
    let needsSpace = mode == .create && disk.inode(path) == nil
    let outcome = try disk.begin(operation, path, needsSpace: needsSpace, process: process)
    let error = disk.error(outcome, operation, path)
    if let error, outcome == .isFull || !disk.isDoneAnyway() { throw error }
    if mode == .create {
      if let inode = disk.inode(path) { inode.truncate(to: 0) } else { _ = disk.create(path) }
    }
    if let error { throw error }
    guard let inode = disk.inode(path) else { throw missing(operation, path) }
    return SimulatedFile(inode: inode, path: path, files: self)
  }

  func lock(_ path: String) throws(FileError) -> SimulatedFile {
    let outcome = try disk.begin(.lock, path, process: process)
    if let error = disk.error(outcome, .lock, path) { throw error }
    guard let inode = disk.inode(path) ?? disk.create(path) else { throw missing(.lock, path) }
    guard !inode.isLocked else { throw FileError(code: 11, operation: "flock \(path)", isLocked: true) }
    inode.isLocked = true
    return SimulatedFile(inode: inode, path: path, files: self, holdsLock: true)
  }

  /// In an order that nobody may rely on.
  func list(_ directory: String) throws(FileError) -> [String] {
    let outcome = try disk.begin(.list, directory, process: process)
    if let error = disk.error(outcome, .list, directory) { throw error }
    guard let names = disk.names(directory) else { throw missing(.list, directory) }
    return names.shuffled(using: &disk.random)
  }

  /// In the same steps as on a real disk.
  func makeDirectory(_ path: String) throws(FileError) {
    let parent = SimulatedDisk.split(path).directory
    guard disk.names(path) == nil else { return try syncDirectory(parent) }
    if parent.isEmpty { disk.makeDirectory("") } else { try makeDirectory(parent) }
    let outcome = try disk.begin(.makeDirectory, path, process: process)
    let error = disk.error(outcome, .makeDirectory, path)
    if error == nil || disk.isDoneAnyway() { disk.makeDirectory(path) }
    if let error { throw error }
    try syncDirectory(parent)
  }

  func rename(_ path: String, to newPath: String) throws(FileError) {
    let outcome = try disk.begin(.rename, path, process: process)
    guard disk.inode(path) != nil else { throw missing(.rename, path) }
    let error = disk.error(outcome, .rename, path)
    if error == nil || disk.isDoneAnyway() { disk.rename(path, to: newPath) }
    if let error { throw error }
  }

  func remove(_ path: String) throws(FileError) {
    let outcome = try disk.begin(.remove, path, process: process)
    guard disk.inode(path) != nil else { throw missing(.remove, path) }
    let error = disk.error(outcome, .remove, path)
    if error == nil || disk.isDoneAnyway() { disk.remove(path) }
    if let error { throw error }
  }

  func syncDirectory(_ path: String) throws(FileError) {
    let outcome = try disk.begin(.syncDirectory, path, process: process)
    guard disk.names(path) != nil else { throw missing(.syncDirectory, path) }
    let error = disk.error(outcome, .syncDirectory, path)
    if error == nil || disk.isDoneAnyway() { disk.syncDirectory(path) }
    if let error { throw error }
  }
}

/// An open file of a process on the simulated disk.
final class SimulatedFile: LogFile, @unchecked Sendable {  // One thread plays all parts.
  private let inode: SimulatedInode
  private let path: String
  private let files: SimulatedFiles
  private let holdsLock: Bool

  fileprivate init(inode: SimulatedInode, path: String, files: SimulatedFiles, holdsLock: Bool = false) {
    self.inode = inode
    self.path = path
    self.files = files
    self.holdsLock = holdsLock
  }

  deinit { if holdsLock, files.disk.process == files.process { inode.isLocked = false } }

  private func begin(
    _ operation: DiskOperation, at position: Int64 = 0, count: Int = 0
  ) throws(FileError) -> (outcome: DiskFaults.Outcome, error: FileError?) {
    let needsSpace = operation == .write && Int(position) + count > inode.cached.count
    let outcome = try files.disk.begin(
      operation, path, at: position, count: count, needsSpace: needsSpace, process: files.process)
    return (outcome, files.disk.error(outcome, operation, path))
  }

  func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError) {
    if let error = try begin(.read, at: position, count: count).error { throw error }
    let content = inode.cached
    let start = min(Int(position), content.count)
    let end = start + min(count, content.count - start)
    buffer.append(content.span.bytes.extracting(start..<end))
  }

  func write(_ bytes: RawSpan, at position: Int64) throws(FileError) {
    let (_, error) = try begin(.write, at: position, count: bytes.byteCount)
    guard let error else { return inode.write(bytes, at: Int(position)) }
    // Any part of it may have been written.
    let part = Int.random(in: 0...bytes.byteCount, using: &files.disk.random)
    inode.write(bytes.extracting(0..<part), at: Int(position))
    throw error
  }

  func sync() throws(FileError) {
    let (outcome, error) = try begin(.sync)
    guard let error else { return inode.sync() }
    // In a crash the power failure itself decides what got to the disk.
    if outcome != .crashes { inode.failSync(&files.disk.random) }
    throw error
  }

  func truncate(to byteCount: Int64) throws(FileError) {
    let error = try begin(.truncate, at: byteCount).error
    if error == nil || files.disk.isDoneAnyway() { inode.truncate(to: Int(byteCount)) }
    if let error { throw error }
  }

  func byteCount() throws(FileError) -> Int64 {
    if let error = try begin(.byteCount).error { throw error }
    return Int64(inode.cached.count)
  }
}
