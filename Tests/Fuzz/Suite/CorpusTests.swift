// The committed inputs of the fuzzer, and random changes of them, without the fuzzer.

import Foundation
import FuzzTargets
import Kit
import Testing

@Suite struct CorpusTests {
  /// A trap would end the test process: the target and the file are printed last.
  @Test(arguments: FuzzTarget.allCases)
  func replaysTheCorpus(target: FuzzTarget) throws {
    let stored = try StoredLog()
    let directory = GoldenFiles.root.appending(path: "Tests/Fuzz/Corpus/\(target.rawValue)")
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(files.count >= 2)
    for file in files { target.run(TestFile.read("\(directory.path)/\(file)"), in: stored) }
  }

  @Test(arguments: FuzzTarget.allCases)
  func takesChangedSeeds(target: FuzzTarget) throws {
    let stored = try StoredLog()
    let seed: UInt64 = 12
    var random = SplitMix(seed: seed)
    for content in target.seeds(stored) {
      target.run(content, in: stored)
      for _ in 0..<60 {
        var changed = content
        for _ in 0...Int.random(in: 0...3, using: &random) where !changed.isEmpty {
          changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { changed.removeLast(Int.random(in: 0...changed.count, using: &random)) }
        target.run(changed, in: stored)
      }
    }
  }
}
