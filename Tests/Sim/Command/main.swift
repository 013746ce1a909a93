// `simulate SEEDS [FIRST]`: runs of the simulator, two at a time; prints what failed and how to see it again.
// `simulate --hashes`: the hash of a fold from nothing and from each of its checkpoints, which must be one.

import Core
import Glibc
import Sim
import Synchronization

if CommandLine.arguments.contains("--hashes") {
  let hashes = try Determinism.hashes()
  print("\(hashes.count) folds, \(Set(hashes).map { String($0, radix: 16) }.joined(separator: " "))")
  exit(Set(hashes).count == 1 && hashes.count > 100 ? 0 : 1)
}
let arguments = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("--") }
let seeds = arguments.first.flatMap { UInt64($0) } ?? 1000
let first = arguments.dropFirst().first.flatMap { UInt64($0) } ?? 1
let isVerbose = CommandLine.arguments.contains("--trace")

let next = Atomic(first)
let sum = Mutex((counts: SimulationCounts(), hash: UInt64(0), failed: 0))

@Sendable func work() {
  while true {
    let seed = next.wrappingAdd(1, ordering: .relaxed).oldValue
    guard seed < first + seeds else { return }
    var settings = SimulationSettings(seed: seed)
    settings.isVerbose = isVerbose
    var result = Simulation.run(settings)
    // Now and then the run is repeated: it must be the same run.
    if result.violation == nil, seed % 100 == 0, Simulation.run(settings).traceHash != result.traceHash {
      result.violation = "the same seed gives another run"
    }
    sum.withLock { sum in
      sum.counts += result.counts
      sum.hash ^= result.traceHash
      guard let violation = result.violation else { return }
      sum.failed += 1
      if sum.failed <= 20 { print("seed \(seed): \(violation)\n  make sim SEEDS=1 FIRST=\(seed)") }
    }
  }
}

let start = SystemClock().monotonicNanos()
let threads = (0..<(isVerbose ? 1 : 2)).map { NamedThread("simulate-\($0)") { work() } }
for thread in threads { thread.join() }
let seconds = Double(SystemClock().monotonicNanos() - start) / 1e9
let (counts, hash, failed) = sum.withLock { $0 }
print(
  """
  \(seeds) seeds from \(first) in \(Int(seconds * 10) / 10) s: \(failed) violations
  \(counts.operations) operations, \(counts.diskCalls) disk calls, \(counts.kills) kills, \
  \(counts.powerLosses) power losses, \(counts.orderlyEnds) orderly ends
  \(counts.faults) failures, \(counts.refusals) refusals of a full disk, \(counts.flips) flipped bits, \
  \(counts.checkpoints) checkpoints
  \(counts.acknowledged) batches acknowledged, \(counts.recordsRead) records read, \(counts.followed) by other \
  processes, \(counts.derivedRecords) derived records compared
  \(counts.releases) fronts let go, \(counts.compacted) times a record was compacted away, \
  \(counts.forgotten) unsynced records lost where the topic allows for it
  trace hash \(String(hash, radix: 16))
  """)
exit(failed == 0 ? 0 : 1)
