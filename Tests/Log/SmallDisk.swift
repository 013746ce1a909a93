// A disk that is really full soon: a small file system in memory.

import Glibc
import Kit

/// Mounted as long as it is referred to.
final class SmallDisk: Sendable {
  private let directory = TemporaryDirectory()
  let path: String

  /// Nil, and a loud skip of `test`, where nothing may be mounted.
  init?(mebibytes: Int, for test: String = #function) {
    path = directory.path + "/small"
    mkdir(path, 0o755)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(mebibytes)m") == 0 else {
      print("SKIP \(test): cannot mount a tmpfs (error \(errno)), needs root")
      return nil
    }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }
}
