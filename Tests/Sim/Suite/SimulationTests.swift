// The simulator's smoke, and the proof that it would find the bugs that it is there to find.

import Log
import Sim
import Testing

@Suite struct SimulationTests {
  private static func repro(_ result: SimulationResult) -> String {
    "seed \(result.seed): \(result.violation ?? "") \nmake sim SEEDS=1 FIRST=\(result.seed)"
  }

  /// `make sim` runs thousands; each argument is a stretch of them.
  @Test(arguments: 0..<8) func holdsWhatItPromises(stretch: UInt64) {
    var counts = SimulationCounts()
    for seed in stretch * 25 + 1...stretch * 25 + 25 {
      let result = Simulation.run(SimulationSettings(seed: seed))
      counts += result.counts
      #expect(result.violation == nil, "\(Self.repro(result))")
    }
    // A simulation in which nothing happens proves nothing.
    #expect(counts.kills > 5 && counts.powerLosses > 5 && counts.faults > 5 && counts.acknowledged > 1000)
    #expect(counts.recordsRead > 10_000 && counts.derivedRecords > 1000 && counts.checkpoints > 10)
    #expect(counts.followed > 1000 && counts.releases > 10 && counts.compacted > 100 && counts.forgotten > 0)
  }

  @Test func theSameSeedIsTheSameRun() {
    for seed in UInt64(1)...12 {
      let first = Simulation.run(SimulationSettings(seed: seed))
      let second = Simulation.run(SimulationSettings(seed: seed))
      #expect(first.traceHash == second.traceHash, "seed \(seed)")
      #expect(first.counts.diskCalls == second.counts.diskCalls, "seed \(seed)")
    }
  }

  @Test func aCheckpointIsAsGoodAsTheWholeInput() throws {
    let hashes = try Determinism.hashes()
    #expect(hashes.count > 100)
    #expect(Set(hashes).count == 1)
  }

  #if PLANTED_BUGS
    /// Some seed shows each planted bug; unplanted, the first 200 hold.
    @Test(arguments: PlantedBug.allCases) func findsAPlantedBug(_ bug: PlantedBug) {
      for seed in UInt64(1)...400 {
        var settings = SimulationSettings(seed: seed)
        settings.plantedBug = bug
        settings.hasFlips = bug == .truncateAtFirstBadChecksum
        if Simulation.run(settings).violation != nil { return }
      }
      Issue.record("\(bug) was not found within 400 seeds")
    }
  #endif
}
