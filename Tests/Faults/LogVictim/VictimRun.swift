// The victim at work: it appends, folds and checkpoints, and tells the ledger of each event that is acknowledged.
//
//     a <partition> <offset> <digest>   acknowledged
//     refused <reason>                  a batch that the log did not take; none of it may be there later
//     task <partition> <reason>         a task that stopped; with `--patience` it is made anew, in place
//     failed <reason>                   the log takes no more: the exit status is 3
//     done

import Codecs
import Core
import Events
import Glibc
import Log
import Processors

/// Writes whole lines to the ledger's pipe, one call for each batch.
enum Ledger {
  static func tell(_ lines: String) {
    var bytes = Array(lines.utf8)[...]
    while !bytes.isEmpty {
      let put = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      if put < 0 && errno != EINTR { return }
      bytes = bytes.dropFirst(max(put, 0))
    }
  }
}

/// One run of the script, from `--first` on, for `--events` events.
struct VictimRun {
  private struct Window {
    var inFlight = 0
    var refusal: LogError?
  }
  private let victim: VictimLog
  private let script: EventScript
  private let range: Range<Int>
  private let batchMax: Int
  private let checkpointRecords: Int
  /// Retention and compaction are seen to after so many batches; zero leaves them to the log.
  private let maintainEvery: Int
  /// The tasks fold after so many batches.
  private let foldEvery: Int
  /// So many batches are not waited for: the group commit has something to group.
  private let batchesInFlightMax: Int
  /// Seconds that a full disk is waited out; zero ends the run with the first refusal of a task.
  private let patience: Int
  private let window = Monitor(Window())

  init(_ arguments: Arguments) throws {
    let first = try arguments.number("first", 0)
    script = EventScript(seed: UInt64(try arguments.number("seed", 1)))
    range = first..<first + (try arguments.number("events", 1_000_000_000))
    batchMax = try arguments.number("batch", 100)
    maintainEvery = try arguments.number("maintain-every", 0)
    foldEvery = max(1, try arguments.number("fold-every", 4))
    batchesInFlightMax = try arguments.number("in-flight", 16)
    checkpointRecords = try arguments.number("checkpoint-records", 20_000)
    patience = try arguments.number("patience", 0)
    victim = try VictimLog(
      arguments.text("data"), partitions: try arguments.number("partitions", 1),
      options: try VictimLog.options(arguments), retentionBytes: try arguments.number("retention-bytes", 0))
    if arguments.optional("gate") != nil {
      // The log's own thread exists now; whoever wants to trace it alone attaches before the first append.
      Ledger.tell("ready\n")
      _ = getchar()
    }
  }

  func run() throws -> Int32 {
    var tasks: [VictimTask?] = []
    for index in 0..<victim.partitions { tasks.append(try task(index)) }
    var random = SplitMixDraw(seed: script.seed &+ UInt64(range.lowerBound))
    var next = range.lowerBound
    var round = 0
    while next < range.upperBound {
      let end = min(next + random.draw(1...batchMax), range.upperBound)
      try append(script.batch(next..<end), partition: random.draw(0...victim.partitions - 1))
      next = end
      round += 1
      if round % foldEvery == 0 { for index in tasks.indices { try step(index, &tasks) } }
      if maintainEvery > 0, round % maintainEvery == 0 {
        try victim.log.maintain()
        try victim.log.compact()
      }
      if let failure = victim.log.failure { return finish(failure) }
    }
    window.wait { $0.inFlight == 0 ? () : nil }
    for index in tasks.indices {
      while try step(index, &tasks) {}
      try tasks[index]?.checkpointNow()
    }
    if let failure = victim.log.failure { return finish(failure) }
    victim.log.close()
    Ledger.tell("done\n")
    return 0
  }

  /// A log that failed must refuse everything from then on: it is asked once more before the run ends.
  private func finish(_ failure: LogError) -> Int32 {
    Ledger.tell("failed \(failure)\n")
    if let input = try? victim.input(0) {
      do {
        try input.append(script.batch(range.upperBound..<range.upperBound + 1)) { result in
          if case .success = result { Ledger.tell("a 0 acknowledged after a failure\n") }
        }
        Ledger.tell("a 0 taken after a failure\n")
      } catch {
        Ledger.tell("refused \(error)\n")
      }
    }
    victim.log.close()
    return 3
  }

  private func append(_ batch: EncodedBatch, partition index: Int) throws {
    var digests: [UInt64] = []
    let encoded = batch.bytes
    try RecordDigest.each(in: encoded.span.bytes) { _, digest in digests.append(digest.record) }
    window.wait { (window) -> Void? in
      guard window.inFlight < batchesInFlightMax else { return nil }
      window.inFlight += 1
      return ()
    }
    do {
      try victim.input(index).append(batch) { [window, digests] result in
        switch result {
        case .success(let offset):
          var lines = ""
          for (place, digest) in digests.enumerated() {
            lines += "a \(index) \(offset + Int64(place)) \(String(digest, radix: 16))\n"
          }
          Ledger.tell(lines)
        case .failure(let error): Ledger.tell("refused \(error)\n")
        }
        window.withLock {
          $0.inFlight -= 1
          if case .failure(let error) = result { $0.refusal = error }
        }
        window.broadcast()
      }
    } catch {
      window.withLock { $0.inFlight -= 1 }
      Ledger.tell("refused \(error)\n")
      if victim.log.failure == nil { throw error }
    }
    // Someone who is told that the disk is full does not ask again at once.
    if patience > 0, window.withLock({ window in window.refusal.take() != nil }) { usleep(20_000) }
  }

  private func task(_ index: Int, _ mode: RecoveryMode = .cutting) throws -> VictimTask {
    try victim.task(index, checkpointRecords: checkpointRecords, mode: mode)
  }

  /// Folds what there is; false when there is no more. A task that stopped is made anew, in place, as long as there is
  /// patience.
  @discardableResult
  private func step(_ index: Int, _ tasks: inout [VictimTask?]) throws -> Bool {
    do {
      if tasks[index] == nil { tasks[index] = try task(index, .inPlace) }
      return try tasks[index]?.step() != .caughtUp
    } catch {
      Ledger.tell("task \(index) \(error)\n")
      if patience == 0 || victim.log.failure != nil { throw error }
      tasks[index] = nil
      usleep(20_000)
      return true
    }
  }
}
