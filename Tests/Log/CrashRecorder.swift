// What a kill at each moment of a run would leave on disk.

import Kit
import Log
import Synchronization

/// Copies a log's directory before each call that changes it, and in the middle of each write.
final class CrashRecorder<Progress: Sendable>: Sendable {
  struct Crash: Sendable {
    var directory: TemporaryDirectory
    /// What had been achieved by then.
    var progress: Progress
    var note: String
  }

  let directory = TemporaryDirectory(in: fastDirectory)
  let progress: Mutex<Progress>
  private let crashes = Mutex<[Crash]>([])
  private let isRecording = Atomic(false)

  init(_ progress: Progress) { self.progress = Mutex(progress) }

  var all: [Crash] { crashes.withLock { $0 } }
  /// Nothing is copied before this.
  func start() { isRecording.store(true, ordering: .relaxed) }

  func files(clock: TestClock? = nil) -> FaultyFiles {
    FaultyFiles(clock: clock) { [self] call in
      if isRecording.load(ordering: .relaxed), call.kind.isChange { record(call) }
      return nil
    }
  }

  private func record(_ call: DiskCall) {
    let progress = progress.withLock { $0 }
    crashes.withLock { $0.append(Crash(directory: directory.copy(), progress: progress, note: "before \(call)")) }
    guard call.kind == .write, call.byteCount > 1 else { return }
    // The size came to the disk, the bytes did not.
    let torn = directory.copy()
    let path = torn.path + call.path.dropFirst(directory.path.utf8.count)
    let bytes = TestFile.read(path)
    let missing = Int(call.position) + call.byteCount / 2 - bytes.count
    TestFile.write(bytes + [UInt8](repeating: 0, count: max(0, missing)), to: path)
    crashes.withLock { $0.append(Crash(directory: torn, progress: progress, note: "zeros of \(call)")) }
  }
}
