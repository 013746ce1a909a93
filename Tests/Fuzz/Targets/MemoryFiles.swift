// A disk in memory, so that a log can be opened many thousand times a second.

import Codecs
import Log

/// Files by path. Used by one thread.
final class MemoryFiles: LogFiles, @unchecked Sendable {  // Used by the one thread that fuzzes.
  var files: [String: MemoryFile] = [:]
  private var directories: Set<String> = []

  init() {}

  /// The same content in files of their own.
  func copy() -> MemoryFiles {
    let other = MemoryFiles()
    other.files = files.mapValues { MemoryFile($0.bytes) }
    other.directories = directories
    return other
  }

  private func missing(_ path: String) -> FileError { FileError(code: 2, operation: path, isMissing: true) }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> MemoryFile {
    if mode == .create { files[path] = MemoryFile([]) }
    guard let file = files[path] else { throw missing(path) }
    return file
  }

  func lock(_ path: String) throws(FileError) -> MemoryFile { try open(path, .create) }

  func list(_ directory: String) throws(FileError) -> [String] {
    let names = files.keys.filter { $0.hasPrefix(directory + "/") }
      .compactMap { $0.dropFirst(directory.count + 1).split(separator: "/").first.map(String.init) }
    guard !names.isEmpty || directories.contains(directory) else { throw missing(directory) }
    return Array(Set(names))
  }

  func makeDirectory(_ path: String) throws(FileError) { directories.insert(path) }

  func rename(_ path: String, to newPath: String) throws(FileError) {
    guard let file = files.removeValue(forKey: path) else { throw missing(path) }
    files[newPath] = file
  }

  func remove(_ path: String) throws(FileError) {
    guard files.removeValue(forKey: path) != nil else { throw missing(path) }
  }

  func syncDirectory(_ path: String) throws(FileError) {}
}

/// One of them.
final class MemoryFile: LogFile, @unchecked Sendable {  // As above.
  var bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError) {
    let start = min(Int(position), bytes.count)
    let content = bytes
    buffer.append(content.span.bytes.extracting(start..<min(start + count, bytes.count)))
  }

  func write(_ content: RawSpan, at position: Int64) throws(FileError) {
    let end = Int(position) + content.byteCount
    if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.replaceSubrange(Int(position)..<end, with: [UInt8](content))
  }

  func sync() throws(FileError) {}
  func truncate(to byteCount: Int64) throws(FileError) { bytes.removeSubrange(Int(byteCount)...) }
  func byteCount() throws(FileError) -> Int64 { Int64(bytes.count) }
}

/// Checkpoints in memory.
final class MemoryCheckpoints: CheckpointStore {
  var content: [String: [UInt8]] = [:]

  init() {}
  func names() throws(LogError) -> [String] { content.keys.sorted() }
  func load(_ name: String) throws(LogError) -> [UInt8]? { content[name] }
  func save(_ name: String, _ bytes: RawSpan) throws(LogError) { content[name] = [UInt8](bytes) }
  func remove(_ name: String) throws(LogError) { content[name] = nil }
}
