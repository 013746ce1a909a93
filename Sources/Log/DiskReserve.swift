// Space put by, so that a full disk does not keep the log from writing what makes space.

internal import Codecs
internal import Core

/// A file of zeros that is given up when the disk is full: retention and compaction must write a manifest before they
/// may delete anything. Used by the writer thread only.
struct DiskReserve<Files: LogFiles> {
  private let files: Files
  private let path: String
  private let byteCount: Int

  init(files: Files, directory: String, byteCount: Int) {
    self.files = files
    path = "\(directory)/reserve"
    self.byteCount = byteCount
  }

  /// Puts the space by, if it is not and there is enough; half a reserve would only help to fill the disk.
  func fill() {
    guard byteCount > 0, (try? files.open(path, .read).byteCount()) ?? 0 < Int64(byteCount) else { return }
    var zeros = ByteWriter(capacity: byteCount)
    zeros.append(zeros: byteCount)
    do throws(FileError) {
      let file = try files.open(path, .create)
      try file.write(zeros.bytes, at: 0)
      // Only now it is known that there is space: many file systems find a place when they must.
      try file.sync()
    } catch { release() }
  }

  /// Gives it up.
  func release() { try? files.remove(path) }
}
