// What happens to the machine: ends, a clock that is set, a disk that is full, slow, failing or rotten.

import Kit
import Log

extension Simulation {
  func makeTrouble() {
    // A service that was told that its log has failed ends, and is started again.
    if let log = process?.log, log.failure != nil, random.next() % 2 == 0 { return endProcess() }
    if random.next() % 100 < weather.crashPercent {
      if random.next() % 4 == 0 {
        isCrashOfPower = random.next() % 100 < weather.powerLossPercent
        disk.stop()
      } else {
        armCrash(within: 40)
      }
      return
    }
    switch random.next() % 8 {
    case 0: endProcess()
    case 1: ticks.advance(nanos: random.next() % 2 == 0 ? 3_600_000_000_000 : -3_600_000_000_000)
    case 2, 3:
      if weather.hasFullDisk || disk.faults.isFull { disk.faults.isFull.toggle() }
    case 4:
      if weather.failureRate > 0 { disk.faults.nextToFail = DiskOperation.allCases.randomElement(using: &random) }
    case 5: isSlow = weather.hasSlowDisk && !isSlow
    case 6: if weather.hasFlips { rot() }
    default: syncOne()
    }
  }

  /// An orderly end, and the next start.
  private func endProcess() {
    closeOrderly()
    restart()
  }

  private func syncOne() {
    guard let process else { return }
    let index = Int.random(in: inputs.indices, using: &random)
    let partition = process.inputs[index]
    do throws(LogError) {
      try partition.sync()
      inputs[index].noteSynced(to: inputs[index].end)
    } catch { check(error, "sync") }
  }
}
