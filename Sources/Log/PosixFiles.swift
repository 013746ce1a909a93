// The real disk: system calls, with interrupted and short ones carried to their end.

internal import CPlatform
package import Codecs
internal import Glibc

/// The file system of the machine.
package struct PosixFiles: LogFiles {
  package init() {}

  package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> PosixFile {
    let flags: Int32 =
      switch mode {
      case .read: O_RDONLY
      case .update: O_RDWR
      case .create: O_RDWR | O_CREAT | O_TRUNC
      }
    return PosixFile(try openDescriptor(path, flags), path: path)
  }

  package func lock(_ path: String) throws(FileError) -> PosixFile {
    let file = PosixFile(try openDescriptor(path, O_RDWR | O_CREAT), path: path)
    try file.lock()
    return file
  }

  package func list(_ directory: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(directory) else { throw failure("opendir", directory) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// A directory is only as durable as its entry in the one above, so none is made in one whose own entry may be lost;
  /// and one that is there may have been made by somebody who did not live to see to its entry.
  package func makeDirectory(_ path: String) throws(FileError) {
    let above = parent(of: path)
    if unsafe access(path, F_OK) == 0 {
      do throws(FileError) { try syncDirectory(above) } catch {
        // One that we may not read is not of our making either.
        guard error.code == EACCES else { throw error }
      }
      return
    }
    if above != path { try makeDirectory(above) }
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure("mkdir", path) }
    try syncDirectory(above)
  }

  package func rename(_ path: String, to newPath: String) throws(FileError) {
    guard unsafe Glibc.rename(path, newPath) == 0 else { throw failure("rename", path) }
  }

  package func remove(_ path: String) throws(FileError) {
    guard unsafe unlink(path) == 0 else { throw failure("unlink", path) }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    try PosixFile(try openDescriptor(path, O_RDONLY | O_DIRECTORY), path: path).syncAll()
  }

  private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private func openDescriptor(_ path: String, _ flags: Int32) throws(FileError) -> FileDescriptor {
    while true {
      let descriptor = unsafe millrace_open(path, flags | O_CLOEXEC, 0o644)
      if descriptor >= 0 { return FileDescriptor(descriptor) }
      guard errno == EINTR else { throw failure("open", path) }
    }
  }
}

/// One open file of the machine.
package final class PosixFile: LogFile {
  private let descriptor: FileDescriptor
  private let path: String

  fileprivate init(_ descriptor: consuming FileDescriptor, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  package func read(_ count: Int, at position: Int64, into buffer: inout ByteWriter) throws(FileError) {
    try unsafe buffer.append(upTo: count) { (space: UnsafeMutableRawBufferPointer) throws(FileError) -> Int in
      var done = 0
      while done < count {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: space[done...])
        let got = unsafe pread(descriptor.number, rest.baseAddress, rest.count, off_t(position) + off_t(done))
        if got > 0 {
          done += got
        } else if got == 0 {
          break
        } else if errno != EINTR {
          throw failure("pread", path)
        }
      }
      return done
    }
  }

  package func write(_ bytes: RawSpan, at position: Int64) throws(FileError) {
    try unsafe bytes.withUnsafeBytes { (source: UnsafeRawBufferPointer) throws(FileError) in
      var done = 0
      while done < source.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: source[done...])
        let put = unsafe pwrite(descriptor.number, rest.baseAddress, rest.count, off_t(position) + off_t(done))
        if put > 0 {
          // A short write is legal: a full disk says so only on the next call.
          done += put
        } else if errno != EINTR {
          throw failure("pwrite", path)
        }
      }
    }
  }

  package func sync() throws(FileError) {
    // Never repeated, not even on EINTR: after a failure the kernel forgets that the pages were dirty.
    guard fdatasync(descriptor.number) == 0 else { throw syncFailure("fdatasync", path) }
  }

  package func truncate(to byteCount: Int64) throws(FileError) {
    while ftruncate(descriptor.number, off_t(byteCount)) != 0 {
      guard errno == EINTR else { throw failure("ftruncate", path) }
    }
  }

  package func byteCount() throws(FileError) -> Int64 {
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0 else { throw failure("fstat", path) }
    return Int64(status.st_size)
  }

  fileprivate func syncAll() throws(FileError) {
    guard fsync(descriptor.number) == 0 else { throw syncFailure("fsync", path) }
  }

  fileprivate func lock() throws(FileError) {
    while flock(descriptor.number, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EINTR else { throw failure("flock", path) }
    }
  }
}

/// The owner of one descriptor: closes it when it goes.
private struct FileDescriptor: ~Copyable {
  let number: Int32
  init(_ number: Int32) { self.number = number }
  deinit { _ = Glibc.close(number) }
}

/// The current errno of a sync. A full disk does not pass here: with space allocated late, by a file system that shares
/// its disk or over a network, it is now that pages are found to have no place, and they are dropped.
private func syncFailure(_ operation: String, _ path: String) -> FileError {
  FileError(code: errno, operation: "\(operation) \(path)")
}

/// The current errno as an error. Full disks, quotas and file-size limits are one kind; all else is final.
private func failure(_ operation: String, _ path: String) -> FileError {
  let code = errno
  return FileError(
    code: code, operation: "\(operation) \(path)",
    isDiskFull: code == ENOSPC || code == EDQUOT || code == EFBIG, isMissing: code == ENOENT,
    isLocked: code == EWOULDBLOCK, isOutOfDescriptors: code == EMFILE || code == ENFILE)
}
