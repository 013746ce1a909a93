// Checkpoints on disk: a directory beside the log's topics.

/// A `CheckpointStore` in a directory of its own, such as `<data>/checkpoints/prices-0`, which is created if need be.
/// Each file is replaced as a whole: after a crash there is the old one or the new one.
package final class CheckpointDirectory<Files: LogFiles>: CheckpointStore {
  private let files: Files
  private let directory: String

  package init(_ directory: String, files: Files) throws(LogError) {
    self.files = files
    self.directory = directory
    try onDisk { () throws(FileError) in
      try files.makeDirectory(directory)
      // What an earlier process renamed and did not live to make durable will be relied on.
      try files.syncDirectory(directory)
    }
  }

  package func names() throws(LogError) -> [String] {
    // What a crash left half written is no checkpoint; the next one of that name replaces it.
    try onDisk { () throws(FileError) in try files.list(directory) }
      .filter { !$0.hasSuffix(".tmp") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  package func load(_ name: String) throws(LogError) -> [UInt8]? {
    try onDisk { () throws(FileError) in
      do throws(FileError) {
        let byteCount = try files.open("\(directory)/\(name)", .read).byteCount()
        return try files.contents("\(directory)/\(name)", byteCountMax: Int(byteCount))
      } catch {
        if error.isMissing { return nil }
        throw error
      }
    }
  }

  package func save(_ name: String, _ content: RawSpan) throws(LogError) {
    do throws(FileError) { try files.replace(name, in: directory, with: content) } catch { throw error.logError }
  }

  package func remove(_ name: String) throws(LogError) {
    do throws(FileError) {
      try files.remove("\(directory)/\(name)")
      try files.syncDirectory(directory)
    } catch {
      if !error.isMissing { throw error.logError }
    }
  }
}

extension CheckpointDirectory where Files == PosixFiles {
  /// On the machine's own disk.
  package convenience init(_ directory: String) throws(LogError) { try self.init(directory, files: PosixFiles()) }
}
