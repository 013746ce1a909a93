// When a commit waits for more.

import Core
import Testing

@testable import Log

@Suite struct CommitGatheringTests {
  @Test func waitsForAllThatWereInFlight() {
    var gathering = CommitGathering()
    #expect(gathering.next() == nil)
    // Two groups that take turns become one.
    gathering.committed(told: 32, queued: 32, syncNanos: 200_000)
    let wanted = gathering.next()
    #expect(wanted?.count == 64)
    #expect(wanted?.timeoutNanos == 100_000)
    gathering.gathered(64)
    gathering.committed(told: 64, queued: 0, syncNanos: 1 << 40)
    #expect(gathering.next()?.count == 64)
    #expect(gathering.next()?.timeoutNanos == Limits.logGatherNanosMax)
  }

  @Test func waitsForNobodyAlone() {
    var gathering = CommitGathering()
    gathering.committed(told: 1, queued: 0, syncNanos: 200_000)
    #expect(gathering.next() == nil)
    // Nor where there is no sync to share.
    gathering.committed(told: 64, queued: 0, syncNanos: 0)
    #expect(gathering.next() == nil)
    // Nor twice for the same.
    gathering.committed(told: 64, queued: 0, syncNanos: 200_000)
    #expect(gathering.next() != nil)
    gathering.gathered(64)
    #expect(gathering.next() == nil)
  }

  @Test func seldomWaitsForThoseWhoDoNotComeBack() {
    var gathering = CommitGathering()
    func waits(of commits: Int, finding count: Int) -> Int {
      (0..<commits).count { _ in
        gathering.committed(told: 64, queued: 0, syncNanos: 200_000)
        guard gathering.next() != nil else { return false }
        gathering.gathered(count)
        return true
      }
    }
    #expect(waits(of: 6400, finding: 10) <= 6 + 100)
    // And again always, once they do.
    _ = waits(of: Limits.logGatherPauseMax + 1, finding: 64)
    #expect(waits(of: 100, finding: 60) == 100)
  }
}
