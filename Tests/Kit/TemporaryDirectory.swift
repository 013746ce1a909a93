// A directory of its own for each test, gone afterwards.

import Glibc

/// Created on `init`, removed with all in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
  package let path: String
  private let parent: String

  /// In `parent`, or where TMPDIR points, or in /tmp.
  package init(in parent: String? = nil) {
    self.parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(self.parent)/millrace-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      preconditionFailure("no temporary directory in \(self.parent): error \(errno)")
    }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// Copies this directory as it is now, as a crash would leave it.
  package func copy() -> TemporaryDirectory {
    let other = TemporaryDirectory(in: parent)
    Self.copy(path, to: other.path)
    return other
  }

  /// Puts what this directory holds in place of what `other` does.
  package func overwrite(_ other: TemporaryDirectory) {
    Self.remove(other.path)
    Self.copy(path, to: other.path)
  }

  private static func names(_ directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func remove(_ path: String) {
    guard isDirectory(path) else {
      unlink(path)
      return
    }
    for name in names(path) { remove("\(path)/\(name)") }
    rmdir(path)
  }

  private static func copy(_ path: String, to newPath: String) {
    guard isDirectory(path) else { return TestFile.write(TestFile.read(path), to: newPath) }
    mkdir(newPath, 0o755)
    for name in names(path) { copy("\(path)/\(name)", to: "\(newPath)/\(name)") }
  }
}

/// Whole files, for tests that damage them.
package enum TestFile {
  package static func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { preconditionFailure("cannot read \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  package static func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "w") else { preconditionFailure("cannot write \(path)") }
    defer { fclose(file) }
    precondition(fwrite(bytes, 1, bytes.count, file) == bytes.count, "cannot write \(path)")
  }

  /// False if there was none.
  package static func remove(_ path: String) -> Bool { unlink(path) == 0 }

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
