// A disk that fails, stops or is looked at when a test says so, over the real one.

import Codecs
import Core
import Log
import Synchronization

/// One call to the disk.
struct DiskCall: Equatable, Sendable, CustomStringConvertible {
  enum Kind: String, Sendable, CaseIterable {
    case open, create, read, write, sync, truncate, rename, remove, syncDirectory
    /// Whether it can change what is on disk.
    var isChange: Bool { self != .open && self != .read }
  }
  var kind: Kind
  var path: String
  var position: Int64 = 0
  var byteCount = 0

  var description: String { "\(kind.rawValue) \(path.split(separator: "/").last ?? "") @\(position)+\(byteCount)" }
}

/// What to do instead of the call.
enum DiskFault: Sendable {
  case fail(FileError)
  /// Writes that many of the bytes, then fails.
  case failAfter(Int, FileError)
}

extension FileError {
  static func inputOutput(_ operation: String = "test") -> FileError { FileError(code: 5, operation: operation) }
  static func full(_ operation: String = "test") -> FileError {
    FileError(code: 28, operation: operation, isDiskFull: true)
  }
}

/// A wall clock that a test sets; the monotonic one goes on as ever.
final class TestClock: Sendable {
  private let nanos = Atomic<Int64>(1_700_000_000_000_000_000)
  func wallNanos() -> Int64 { nanos.load(ordering: .relaxed) }
  func advance(millis: Int64) { nanos.wrappingAdd(millis * 1_000_000, ordering: .relaxed) }
}

/// Asks `decide` before each call; it may also just look.
struct FaultyFiles: LogFiles {
  let base = PosixFiles()
  var clock: TestClock?
  var bootID: UInt64 = 1
  let decide: @Sendable (DiskCall) -> DiskFault?

  init(clock: TestClock? = nil, decide: @escaping @Sendable (DiskCall) -> DiskFault? = { _ in nil }) {
    self.clock = clock
    self.decide = decide
  }

  func wallNanos() -> Int64 { clock?.wallNanos() ?? SystemClock().wallNanos() }

  fileprivate func check(_ call: DiskCall) throws(FileError) {
    switch decide(call) {
    case .fail(let error), .failAfter(_, let error): throw error
    case nil: break
    }
  }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FaultyFile {
    try check(DiskCall(kind: mode == .create ? .create : .open, path: path))
    return FaultyFile(file: try base.open(path, mode), path: path, files: self)
  }
  func lock(_ path: String) throws(FileError) -> FaultyFile {
    FaultyFile(file: try base.lock(path), path: path, files: self)
  }
  func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
  func makeDirectory(_ path: String) throws(FileError) { try base.makeDirectory(path) }
  func rename(_ path: String, to newPath: String) throws(FileError) {
    try check(DiskCall(kind: .rename, path: newPath))
    try base.rename(path, to: newPath)
  }
  func remove(_ path: String) throws(FileError) {
    try check(DiskCall(kind: .remove, path: path))
    try base.remove(path)
  }
  func syncDirectory(_ path: String) throws(FileError) {
    try check(DiskCall(kind: .syncDirectory, path: path))
    try base.syncDirectory(path)
  }
}

final class FaultyFile: LogFile {
  private let file: PosixFile
  private let path: String
  private let files: FaultyFiles

  init(file: PosixFile, path: String, files: FaultyFiles) {
    self.file = file
    self.path = path
    self.files = files
  }

  func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError) {
    try files.check(DiskCall(kind: .read, path: path, position: position, byteCount: count))
    try file.read(count, at: position, into: &buffer)
  }
  func write(_ bytes: RawSpan, at position: Int64) throws(FileError) {
    switch files.decide(DiskCall(kind: .write, path: path, position: position, byteCount: bytes.byteCount)) {
    case .fail(let error): throw error
    case .failAfter(let count, let error):
      try file.write(bytes.extracting(first: min(count, bytes.byteCount)), at: position)
      throw error
    case nil: try file.write(bytes, at: position)
    }
  }
  func sync() throws(FileError) {
    try files.check(DiskCall(kind: .sync, path: path))
    // The real sync is left out: no test here loses power, and the calls are what is counted.
  }
  func truncate(to byteCount: Int64) throws(FileError) {
    try files.check(DiskCall(kind: .truncate, path: path, position: byteCount))
    try file.truncate(to: byteCount)
  }
  func byteCount() throws(FileError) -> Int64 { try file.byteCount() }
}
