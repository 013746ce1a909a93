// The disk and the clock beside it as a seam: the log is generic over them, so that simulated ones can stand in.

package import Codecs
package import Core

/// What a disk operation answered instead of success.
package struct FileError: Error, Equatable, Sendable {
  /// The errno value.
  package var code: Int32
  /// Such as `fdatasync <path>`.
  package var operation: String
  /// The space, quota or file-size limit is reached: the one failure of a write that can pass.
  package var isDiskFull: Bool
  /// There is no such file.
  package var isMissing: Bool
  /// Another process holds the lock.
  package var isLocked: Bool
  /// No more files can be open at once.
  package var isOutOfDescriptors: Bool

  package init(
    code: Int32, operation: String, isDiskFull: Bool = false, isMissing: Bool = false, isLocked: Bool = false,
    isOutOfDescriptors: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.isDiskFull = isDiskFull
    self.isMissing = isMissing
    self.isLocked = isLocked
    self.isOutOfDescriptors = isOutOfDescriptors
  }

  /// Nothing was done, and the same may succeed later.
  var isPassing: Bool { isDiskFull || isOutOfDescriptors }

  /// For an operation after which the log cannot go on, unless it is only that something ran out.
  package var logError: LogError {
    if isOutOfDescriptors { return .outOfDescriptors }
    return isDiskFull ? .diskFull : .failed("\(operation): error \(code)")
  }
}

/// Runs disk operations whose failure is the log's.
func onDisk<Result>(_ body: () throws(FileError) -> Result) throws(LogError) -> Result {
  do throws(FileError) { return try body() } catch { throw error.logError }
}

/// An open file. Closed when the last reference goes. Safe to use from any thread.
package protocol LogFile: AnyObject, Sendable {
  /// Appends up to `count` bytes from `position` to `buffer`; fewer only at the end of the file.
  func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError)
  /// Writes all of `bytes`. On an error any part of them may have been written.
  func write(_ bytes: RawSpan, at position: Int64) throws(FileError)
  /// Returns once what was written is on disk (fdatasync). An error is final, and never `isDiskFull`: what was
  /// written may be lost.
  func sync() throws(FileError)
  func truncate(to byteCount: Int64) throws(FileError)
  func byteCount() throws(FileError) -> Int64
}

/// How a file is opened.
package enum OpenMode: Sendable {
  case read
  /// The file exists and will be written.
  case update
  /// The file is created, or emptied if it exists.
  case create
}

/// The file system, where names are paths, and what time its machine has.
package protocol LogFiles: Clock {
  associatedtype File: LogFile
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> File
  /// Opens (creates) the file and holds an exclusive lock on it as long as the file stays open.
  func lock(_ path: String) throws(FileError) -> File
  /// The names in a directory, in no particular order.
  func list(_ directory: String) throws(FileError) -> [String]
  /// Creates the directory and those above it as needed, durably.
  func makeDirectory(_ path: String) throws(FileError)
  func rename(_ path: String, to newPath: String) throws(FileError)
  func remove(_ path: String) throws(FileError)
  /// Makes creations, renames and removals in the directory durable.
  func syncDirectory(_ path: String) throws(FileError)
  /// Another one after each start of the machine: while it stays, the kernel has forgotten nothing. 0 if not known.
  var bootID: UInt64 { get }
}

extension LogFiles {
  package func wallNanos() -> Int64 { SystemClock().wallNanos() }
  package func monotonicNanos() -> Int64 { SystemClock().monotonicNanos() }
  package var bootID: UInt64 {
    let text = (try? PosixFiles().contents("/proc/sys/kernel/random/boot_id", byteCountMax: 64)) ?? []
    // The first digits of a random UUID.
    return text.filter { $0 != UInt8(ascii: "-") }.prefix(16).reduce(0) { $0 << 4 ^ UInt64($1) }
  }
  var wallMillis: Int64 { wallNanos() / 1_000_000 }

  /// The whole file, which must be at most `byteCountMax` long.
  package func contents(_ path: String, byteCountMax: Int) throws(FileError) -> [UInt8] {
    let file = try open(path, .read)
    // One byte more shows the end. Files of the kernel say that they are empty: those are read as far as they go.
    let byteCount = min(try file.byteCount(), Int64(byteCountMax))
    var wanted = min(byteCountMax, max(Int(byteCount), 4096) + 1)
    var buffer = ByteWriter(capacity: wanted)
    while wanted > 0 {
      let start = buffer.count
      try file.read(wanted, at: Int64(start), into: &buffer)
      if buffer.count - start < wanted { break }
      wanted = min(byteCountMax - buffer.count, 2 * wanted)
    }
    return buffer.copy()
  }

  /// Replaces the file so that after a crash it is either the old one or the new one, whole: a temporary file is
  /// written and synced before it takes the name, and the directory is synced after.
  package func replace(_ name: String, in directory: String, with bytes: RawSpan) throws(FileError) {
    let temporary = "\(directory)/\(name).tmp"
    do throws(FileError) {
      let file = try open(temporary, .create)
      try file.write(bytes, at: 0)
      try file.sync()
      try rename(temporary, to: "\(directory)/\(name)")
    } catch {
      // Half of it would help to keep a full disk full.
      try? remove(temporary)
      throw error
    }
    do throws(FileError) {
      try syncDirectory(directory)
    } catch {
      // Nobody knows which of the two is there after a crash: not even a full disk is something to go on after.
      throw FileError(code: error.code, operation: error.operation)
    }
  }
}
