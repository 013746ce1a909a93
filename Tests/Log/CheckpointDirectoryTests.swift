// Checkpoints on a failing disk: each name holds the old content or the new one, whole.

import Codecs
import Kit
import Log
import Synchronization
import Testing

@Suite struct CheckpointDirectoryTests {
  private static func content(_ round: Int) -> [UInt8] { [UInt8](repeating: UInt8(round), count: 100 + round) }

  /// Saves and removes a few, telling what is certain by now.
  private static func run<Files: LogFiles>(
    _ store: CheckpointDirectory<Files>, told: ([String: [UInt8]]) -> Void = { _ in }
  ) throws {
    var certain: [String: [UInt8]] = [:]
    for round in 0..<6 {
      let name = "checkpoint-\(round % 4)"
      try store.save(name, content(round).span.bytes)
      certain[name] = content(round)
      told(certain)
      if round == 3 {
        certain["checkpoint-0"] = nil
        told(certain)
        try store.remove("checkpoint-0")
      }
    }
  }

  private static func check(_ path: String, _ certain: [String: [UInt8]], _ note: String) throws {
    let store = try CheckpointDirectory(path)
    for name in try store.names() {
      let bytes = try #require(try store.load(name))
      let round = Int(bytes.first ?? 99)
      #expect(bytes == content(round) && name == "checkpoint-\(round % 4)", "\(note): \(name) is neither old nor new")
    }
    for (name, bytes) in certain {
      let found = try store.load(name)
      // The round that was under way may have replaced it.
      let isNewer = found.map { $0.count > bytes.count } ?? false
      #expect(found == bytes || isNewer, "\(note): \(name) is lost")
    }
    // And it goes on.
    try store.save("checkpoint-9", content(9).span.bytes)
    #expect(try store.load("checkpoint-9") == content(9), "\(note)")
  }

  @Test func isOldOrNewAfterAKillAtEveryCall() throws {
    let recorder = CrashRecorder<[String: [UInt8]]>([:])
    let path = recorder.directory.path
    let store = try CheckpointDirectory(path, files: recorder.files())
    recorder.start()
    try Self.run(store) { certain in recorder.progress.withLock { $0 = certain } }
    let crashes = recorder.all
    #expect(crashes.count > 20)
    for crash in crashes { try Self.check(crash.directory.path, crash.progress, crash.note) }
  }

  @Test(arguments: [false, true]) func isOldOrNewAfterTheNthFailure(isFull: Bool) throws {
    let (count, _) = try NthFailure(isFull: isFull).forEachCall(from: [String: [UInt8]]()) { (path, files, told) in
      try Self.run(try CheckpointDirectory(path, files: files), told: told)
    } check: { (path, certain, note) in
      try Self.check(path, certain, note)
    }
    #expect(count > 20)
  }
}
