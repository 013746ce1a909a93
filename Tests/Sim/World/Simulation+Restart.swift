// The next process on the same disk, and what it must find.

import Codecs
import Events
import Kit
import Log
import Processors

extension Simulation {
  static let directory = "/data"

  /// Opens everything again after an end of any kind, as often as it takes, and looks at what is there.
  func restart() {
    let last = process
    process = nil
    for attempt in 0..<30 {
      end()
      // It can do nothing any more; but what it had queued holds partitions, and these the queue, which nobody else
      // would ever empty.
      if attempt == 0 { last?.log.close() }
      failuresBefore = disk.faults.failures
      refusalsBefore = disk.faults.refusals
      // A process may also come to its end while it recovers; and in the end it must come up.
      if attempt < 20, !isCalm, random.next() % 6 == 0 { armCrash(within: 60) }
      disk.faults.isSuspended = attempt >= 20
      defer { disk.faults.isSuspended = false }
      do throws(LogError) {
        let opened = try open()
        disk.trace.add("opened", Int64(attempt))
        inspect(opened)
        process = opened
        return
      } catch {
        disk.trace.add("not opened: \(error)", Int64(attempt), -1)
        if !isCaused(error) { return violate("refused to open: \(error)") }
      }
    }
    violate("not open after 30 attempts")
  }

  /// What becomes of the disk between two processes.
  private func end() {
    guard disk.isDown else { return disk.restart(evicting: random.next() % 2 == 0) }
    guard isCrashOfPower else {
      counts.kills += 1
      return disk.restart(evicting: random.next() % 2 == 0)
    }
    counts.powerLosses += 1
    hasLostPower = true
    followers = followers.map { _ in Follower() }
    // A segment is on disk before the next one begins.
    for index in inputs.indices { inputs[index].noteSynced(to: lastSegmentStart(index)) }
    let survival = Survival.allCases[Int(random.next() % UInt64(Survival.allCases.count))]
    disk.trace.add("power lost: \(survival)", counts.powerLosses == 0 ? 0 : 1)
    disk.losePower(survival)
  }

  func armCrash(within calls: Int) {
    disk.callsUntilCrash = Int.random(in: 0..<calls, using: &random)
    isCrashOfPower = random.next() % 100 < weather.powerLossPercent
  }

  func open() throws(LogError) -> Process {
    let log = try SimulatedLog.openManual(
      directory: Self.directory, options: weather.options, files: SimulatedFiles(disk))
    try log.createTopic(
      TopicSettings(name: Topic.ticks.name, partitions: weather.partitions, policy: weather.input))
    var process = Process(
      log: log, inputs: [], derived: [], tasks: Array(repeating: nil, count: weather.tasks),
      seenEnds: Array(repeating: nil, count: weather.tasks))
    for index in 0..<weather.partitions { process.inputs.append(try log.partition(Topic.ticks.name, index)) }
    if weather.tasks > 0 {
      for (topic, policy) in zip(DerivedModel.topics, weather.derived) {
        try log.createTopic(
          TopicSettings(name: topic, partitions: weather.tasks, isDerived: true, policy: policy))
      }
    }
    for index in 0..<weather.tasks {
      // Until the task has found its place.
      process.inputs[index].release(below: process.inputs[index].startOffset)
      var partitions: [Partition] = []
      for topic in DerivedModel.topics { partitions.append(try log.partition(topic, index)) }
      process.derived.append(partitions)
    }
    return process
  }

  /// Reads all that is there, with the disk at rest, and compares it with the ledger.
  func inspect(_ process: Process) {
    let (wasSuspended, calls) = (disk.faults.isSuspended, disk.callsUntilCrash)
    disk.faults.isSuspended = true
    disk.callsUntilCrash = nil
    defer {
      disk.faults.isSuspended = wasSuspended
      disk.callsUntilCrash = calls
    }
    for number in seen.indices where violation == nil {
      let partition = partition(number, process)
      guard let found = readAll(number, process) else { return }
      if number < inputs.count { reconcile(number, found, partition) }
      noteSight(of: number, partition)
      judge(found, number, partition)
    }
    (hasLostPower, hasFailedSync, failuresAtOpening) = (false, false, disk.faults.failures)
  }

  /// What is left of an input topic, and whether it says so where something is lost.
  private func reconcile(_ index: Int, _ found: PartitionContent, _ partition: Partition) {
    let before = inputs[index].end
    let wasSeen = max(before, inputs[index].seenEnd, inputs[index].followedEnd)
    if index < derived.count { foldLedger(index) }
    let mayLose = (hasLostPower || hasFailedSync) && weather.mayForget
    if let problem = inputs[index].reconcile(found, mayLose: mayLose) {
      return violate("partition \(index): \(problem)")
    }
    let isRenewed = seen[index].epoch != nil && seen[index].epoch != partition.epoch
    if isRenewed && !(mayLose || disk.faults.failures > failuresAtOpening) {
      violate("partition \(index) has another epoch, though nothing can be lost")
    }
    if found.end < wasSeen {
      counts.forgotten += Int(wasSeen - found.end)
      for reader in readers.indices where readers[reader].partition == index { readers[reader].offset = 0 }
      if !isRenewed { violate("partition \(index) lost \(found.end) to \(wasSeen), and is of the same epoch") }
    }
    guard isRenewed, index < derived.count else { return }
    derived[index].isOutdated = true
    checkpointed[index] = 0
  }

  // MARK: The orderly end

  /// Closes the log as a service does that is stopped. Nothing of what is queued is lost by that.
  func closeOrderly() {
    guard let log = process?.log else { return }
    isClosing = true
    log.close()
    isClosing = false
    process?.tasks = []
    let isHealthy = log.failure == nil && !disk.isDown
    if isHealthy { for index in inputs.indices { inputs[index].noteSynced(to: inputs[index].end) } }
    counts.orderlyEnds += 1
    if isHealthy, let index = inputs.firstIndex(where: { $0.inFlight > 0 }) {
      violate("partition \(index): closed, and \(inputs[index].inFlight) batches were not decided")
    }
    process = nil
  }

  /// No more trouble: everything comes to its end, and must be right.
  func finish() {
    setFaultsOff()
    isCalm = true
    if disk.isDown || process == nil || process?.log.failure != nil {
      process = nil
      restart()
    }
    for _ in 0..<3 { turn() }
    for index in inputs.indices where violation == nil && inputs[index].inFlight > 0 {
      violate("partition \(index): \(inputs[index].inFlight) batches are never decided")
    }
    for index in derived.indices where violation == nil { finish(index) }
    guard violation == nil, let log = process?.log else { return }
    process?.tasks = []
    log.close()
    process = nil
    disk.restart(evicting: true)
    do throws(LogError) {
      let opened = try open()
      if let cut = opened.log.tailCuts.first { violate("after an orderly end: \(cut)") }
      inspect(opened)
      opened.log.close()
    } catch { violate("after an orderly end: \(error)") }
  }

  func setFaultsOff() {
    for operation in DiskOperation.allCases { disk.faults.failuresPerMillion[Int(operation.rawValue)] = 0 }
    disk.faults.nextToFail = nil
    disk.faults.isFull = false
    disk.callsUntilCrash = nil
    isSlow = false
  }

  /// The fold catches up, and all of its topics are what an undisturbed one gives.
  private func finish(_ index: Int) {
    for _ in 0..<10_000 where violation == nil {
      // What is queued is carried out before the task is asked: it may learn then that a batch was refused.
      turn()
      if fold(index) == .caughtUp || isStranded[index] { break }
    }
    guard violation == nil, !isStranded[index], let process else { return }
    foldLedger(index)
    for topic in DerivedModel.topics.indices where violation == nil {
      let number = inputs.count + index * DerivedModel.topics.count + topic
      guard let found = readAll(number, process) else { return }
      let expected = derived[index].expected[topic].end
      if found.end != expected {
        violate("\(DerivedModel.topics[topic])-\(index): \(found.end) records, \(expected) in an undisturbed fold")
      }
      judge(found, number, partition(number, process))
      counts.derivedRecords += found.records.count
    }
    if violation == nil, random.next() % 4 == 0 { verify(index) }
  }

  /// `millrace verify` finds nothing either.
  private func verify(_ index: Int) {
    guard let process else { return }
    do {
      var verifier = Verification(
        input: process.inputs[index], outputs: process.derived[index],
        store: try CheckpointDirectory(checkpointDirectory(index), files: SimulatedFiles(disk)),
        makeProcessor: makeSimulatedFold)
      let result = try verifier.run(maxBytes: 3000)
      if case .different(let difference) = result { violate("verify: \(difference)") }
    } catch { violate("verify: \(error)") }
  }
}
