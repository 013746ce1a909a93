// A disk that fails, stops or is looked at when a test says so, over the real one.

package import Codecs
import Core
package import Log
import Synchronization

/// One call to the disk.
package struct DiskCall: Equatable, Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable, CaseIterable {
    case open, create, read, write, sync, truncate, rename, remove, syncDirectory
    /// Whether it can change what is on disk.
    package var isChange: Bool { self != .open && self != .read }
  }
  package var kind: Kind
  package var path: String
  package var position: Int64 = 0
  package var byteCount = 0

  package var description: String {
    "\(kind.rawValue) \(path.split(separator: "/").last ?? "") @\(position)+\(byteCount)"
  }
}

/// What to do instead of the call.
package enum DiskFault: Sendable {
  case fail(FileError)
  /// Writes that many of the bytes, then fails.
  case failAfter(Int, FileError)
}

extension FileError {
  package static func inputOutput(_ operation: String = "test") -> FileError {
    FileError(code: 5, operation: operation)
  }
  package static func full(_ operation: String = "test") -> FileError {
    FileError(code: 28, operation: operation, isDiskFull: true)
  }
}

/// A wall clock that a test sets; the monotonic one goes on as ever.
package final class TestClock: Sendable {
  private let nanos = Atomic<Int64>(1_700_000_000_000_000_000)
  package init() {}
  package func wallNanos() -> Int64 { nanos.load(ordering: .relaxed) }
  package func advance(millis: Int64) { nanos.wrappingAdd(millis * 1_000_000, ordering: .relaxed) }
}

/// Asks `decide` before each call; it may also just look.
package struct FaultyFiles: LogFiles {
  let base = PosixFiles()
  package var clock: TestClock?
  package var bootID: UInt64 = 1
  package let decide: @Sendable (DiskCall) -> DiskFault?

  package init(clock: TestClock? = nil, decide: @escaping @Sendable (DiskCall) -> DiskFault? = { _ in nil }) {
    self.clock = clock
    self.decide = decide
  }

  package func wallNanos() -> Int64 { clock?.wallNanos() ?? SystemClock().wallNanos() }

  fileprivate func check(_ call: DiskCall) throws(FileError) {
    switch decide(call) {
    case .fail(let error), .failAfter(_, let error): throw error
    case nil: break
    }
  }

  package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FaultyFile {
    try check(DiskCall(kind: mode == .create ? .create : .open, path: path))
    return FaultyFile(file: try base.open(path, mode), path: path, files: self)
  }
  package func lock(_ path: String) throws(FileError) -> FaultyFile {
    FaultyFile(file: try base.lock(path), path: path, files: self)
  }
  package func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
  package func makeDirectory(_ path: String) throws(FileError) { try base.makeDirectory(path) }
  package func rename(_ path: String, to newPath: String) throws(FileError) {
    try check(DiskCall(kind: .rename, path: newPath))
    try base.rename(path, to: newPath)
  }
  package func remove(_ path: String) throws(FileError) {
    try check(DiskCall(kind: .remove, path: path))
    try base.remove(path)
  }
  package func syncDirectory(_ path: String) throws(FileError) {
    try check(DiskCall(kind: .syncDirectory, path: path))
    try base.syncDirectory(path)
  }
}

package final class FaultyFile: LogFile {
  private let file: PosixFile
  private let path: String
  private let files: FaultyFiles

  init(file: PosixFile, path: String, files: FaultyFiles) {
    self.file = file
    self.path = path
    self.files = files
  }

  package func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError) {
    try files.check(DiskCall(kind: .read, path: path, position: position, byteCount: count))
    try file.read(count, at: position, into: &buffer)
  }
  package func write(_ bytes: RawSpan, at position: Int64) throws(FileError) {
    switch files.decide(DiskCall(kind: .write, path: path, position: position, byteCount: bytes.byteCount)) {
    case .fail(let error): throw error
    case .failAfter(let count, let error):
      try file.write(bytes.extracting(first: min(count, bytes.byteCount)), at: position)
      throw error
    case nil: try file.write(bytes, at: position)
    }
  }
  package func sync() throws(FileError) {
    try files.check(DiskCall(kind: .sync, path: path))
    // The real sync is left out: no test here loses power, and the calls are what is counted.
  }
  package func truncate(to byteCount: Int64) throws(FileError) {
    try files.check(DiskCall(kind: .truncate, path: path, position: byteCount))
    try file.truncate(to: byteCount)
  }
  package func byteCount() throws(FileError) -> Int64 { try file.byteCount() }
}
