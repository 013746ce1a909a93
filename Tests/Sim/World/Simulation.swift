// One run: the real log, processors and checkpoints over a simulated disk, clock and scheduler, all from one seed.

import Codecs
import Events
import Kit
import Log
import Processors

/// The parts take turns on one thread. Whose turn it is, how long each call to the disk takes and what it does, and
/// when everything ends, is drawn from the seed; so the same seed is the same run, step by step.
package final class Simulation: @unchecked Sendable {  // One thread plays all parts.
  typealias SimulatedLog = SegmentedLog<SimulatedFiles>
  typealias Partition = SegmentedPartition<SimulatedFiles>
  typealias Task = ProcessorTask<Partition, CheckpointDirectory<SimulatedFiles>, SimulatedFold>
  typealias Verification = Verifier<Partition, CheckpointDirectory<SimulatedFiles>, SimulatedFold>

  /// Who takes part.
  enum Part {
    case producer, writer, lookup
    case reader(Int)
    case follower(Int)
    case task(Int)
    /// Retention, and closing what is old; and compaction, which has a thread of its own.
    case upkeep, cleaner
    case trouble

    /// Whether it never waits for the log's writer.
    var isFree: Bool {
      switch self {
      case .producer, .reader, .follower, .lookup: true
      case .writer, .task, .upkeep, .cleaner, .trouble: false
      }
    }
    var isTrouble: Bool { if case .trouble = self { true } else { false } }
    /// Nanoseconds between two of its steps, on average.
    var pace: Int64 {
      switch self {
      case .producer, .writer: 400_000
      case .reader, .follower, .task: 1_000_000
      case .lookup: 4_000_000
      case .upkeep, .cleaner: 5_000_000
      case .trouble: 10_000_000
      }
    }
    var code: Int64 {
      switch self {
      case .producer: 0
      case .writer: 1
      case .lookup: 2
      case .reader(let index): 10 + Int64(index)
      case .task(let index): 20 + Int64(index)
      case .follower(let index): 30 + Int64(index)
      case .trouble: 3
      case .upkeep: 4
      case .cleaner: 5
      }
    }
  }

  /// What one process has open.
  struct Process {
    var log: SimulatedLog
    var inputs: [Partition]
    /// By input partition, by topic.
    var derived: [[Partition]]
    var tasks: [Task?]
    /// Of each task's partitions: nil until its first recovery, then where readers last saw their ends, by topic.
    var seenEnds: [[Int64]?]
  }

  let settings: SimulationSettings
  let disk: SimulatedDisk
  let weather: Weather
  var random: SplitMix
  var ticks = TickSource()
  var counts = SimulationCounts()
  var violation: String?
  var process: Process?

  // The scheduler: who is due when.
  var now: Int64 = 0
  private var parts: [(part: Part, due: Int64)] = []
  /// Whose step it is, as an index of `parts`, and whether it is one within a call of another's.
  private var working: Int?
  private var isNested = false
  private var nestedSteps = 0
  /// The log is being closed: it takes no more.
  var isClosing = false
  /// The run is over, and nobody begins anything new.
  var isCalm = false
  var isSlow = false

  // The ledger.
  var inputs: [InputModel]
  var derived: [DerivedModel]
  /// By input partition: up to where a checkpoint is known to be durable.
  var checkpointed: [Int64]
  var hasDamagedCheckpoints: [Bool]
  /// By input partition: its front was let go, and the checkpoints that would make up for it are lost or of another
  /// epoch, so that the task refuses to run.
  var isStranded: [Bool]
  /// By partition: the epoch, the greatest high watermark, and where it began, as last seen.
  var seen: [PartitionSight]
  var readers: [ReaderPosition]
  var followers: [Follower]
  /// How often a task found its place: derived partitions may have been cut.
  var taskStarts = 0
  /// Failures and refusals of the disk before this process began.
  var failuresBefore = 0
  var refusalsBefore = 0
  var isCrashOfPower = false
  /// The power failed since the log was open the last time.
  var hasLostPower = false
  /// A sync failed since then: what it was to write may be gone at any restart.
  var hasFailedSync = false
  /// Failures of the disk before the log was open the last time.
  var failuresAtOpening = 0

  package static func run(_ settings: SimulationSettings) -> SimulationResult {
    let simulation = Simulation(settings)
    simulation.run()
    var result = SimulationResult(seed: settings.seed, violation: simulation.violation)
    result.traceHash = simulation.disk.trace.value
    result.counts = simulation.counts
    result.counts.diskCalls = simulation.disk.callCount
    result.counts.faults = simulation.disk.faults.failures
    result.counts.refusals = simulation.disk.faults.refusals
    return result
  }

  private init(_ settings: SimulationSettings) {
    self.settings = settings
    random = SplitMix(seed: settings.seed &* 0x9e37_79b9_7f4a_7c15 &+ 1)
    disk = SimulatedDisk(seed: random.next(), isVerbose: settings.isVerbose)
    var weather = Weather(&random)
    weather.hasFlips = weather.hasFlips || settings.hasFlips
    #if PLANTED_BUGS
      weather.options.plantedBug = settings.plantedBug
    #endif
    self.weather = weather
    inputs = Array(repeating: InputModel(), count: weather.partitions)
    derived = (0..<weather.tasks).map { DerivedModel(partition: $0) }
    checkpointed = Array(repeating: 0, count: weather.tasks)
    hasDamagedCheckpoints = Array(repeating: false, count: weather.tasks)
    isStranded = hasDamagedCheckpoints
    let count = weather.partitions + weather.tasks * DerivedModel.topics.count
    seen = (0..<count).map { _ in PartitionSight() }
    readers = (0..<weather.readers).map { _ in ReaderPosition() }
    followers = (0..<weather.followers).map { _ in Follower() }
    let all: [Part] =
      Array(repeating: .producer, count: weather.producers) + [.writer, .lookup, .upkeep, .cleaner, .trouble]
      + (0..<weather.readers).map { .reader($0) } + (0..<weather.followers).map { .follower($0) }
      + (0..<weather.tasks).map { .task($0) }
    parts = all.map { ($0, 0) }
    disk.onCall = { [unowned self] operation in self.pass(operation) }
    disk.onFailure = { [unowned self] operation in if operation == .sync { hasFailedSync = true } }
    disk.clock = { [unowned self] in (now, ticks.wallNanos) }
  }

  // MARK: Scheduler

  private func run() {
    setFailureRate()
    restart()
    while counts.operations < settings.operations, violation == nil {
      if disk.isDown || process == nil {
        restart()
        continue
      }
      if let first = firstDue(where: { _ in true }) { step(first) }
    }
    // Otherwise a crash at the very end would hide what it did.
    if violation == nil { finish() }
    disk.onCall = { _ in }
    process = nil
  }

  func setFailureRate() {
    for operation in DiskOperation.allCases {
      disk.faults.failuresPerMillion[Int(operation.rawValue)] = weather.failureRate
    }
  }

  private func firstDue(where isAllowed: (Int) -> Bool) -> Int? {
    parts.indices.filter(isAllowed).min { parts[$0].due < parts[$1].due }
  }

  private func step(_ first: Int) {
    now = max(now, parts[first].due)
    counts.operations += 1
    let part = parts[first].part
    // Due again before it is done: what runs within its calls must not be itself.
    parts[first].due = now + Int64.random(in: 1...2 * part.pace, using: &random)
    disk.trace.add("\(now) \(part)", part.code, now)
    let outer = working
    working = first
    if !isNested { nestedSteps = 0 }
    take(part)
    working = outer
  }

  private func take(_ part: Part) {
    switch part {
    case .producer: produce()
    case .writer: turn()
    case .lookup: lookUp()
    case .reader(let index): read(index)
    case .follower(let index): follow(index)
    case .task(let index): fold(index)
    case .upkeep: keepUp()
    case .cleaner: clean()
    case .trouble: makeTrouble()
    }
  }

  /// A call to the disk takes its time; others go on meanwhile. While the log's writer is at work, only those who never
  /// wait for it.
  private func pass(_ operation: DiskOperation) {
    guard !disk.faults.isSuspended else { return }
    let usual: Int64 = operation == .sync || operation == .syncDirectory ? 600_000 : 5_000
    let nanos = Int64.random(in: 1...usual, using: &random) * (isSlow ? 50 : 1)
    now += nanos
    ticks.advance(nanos: nanos * 1000)
    guard let outer = working, !isNested, !isCalm, let log = process?.log else { return }
    isNested = true
    defer { isNested = false }
    let isTurning = log.isTurning
    var steps = 0
    // And not for ever: a step that waits long must come to its end.
    while steps < 4, nestedSteps < 200, !disk.isDown, violation == nil,
      let due = firstDue(where: { $0 != outer && (isTurning ? parts[$0].part.isFree : !parts[$0].part.isTrouble) }),
      parts[due].due <= now
    {
      step(due)
      steps += 1
      nestedSteps += 1
    }
  }

  /// The log's writer carries out what is queued.
  func turn() {
    guard let log = process?.log else { return }
    let start = now
    _ = log.turn()
    guard case .interval(let millis) = weather.input.durability, log.failure == nil, !disk.isDown else { return }
    for index in inputs.indices { inputs[index].noteSynced(until: start - Int64(millis) * 1_000_000) }
  }
}
