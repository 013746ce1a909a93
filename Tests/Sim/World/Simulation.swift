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
    case task(Int)
    case trouble

    /// Whether it goes on while the log's writer waits for the disk.
    var isConcurrent: Bool {
      switch self {
      case .producer, .reader, .lookup: true
      case .writer, .task, .trouble: false
      }
    }
    /// Nanoseconds between two of its steps, on average.
    var pace: Int64 {
      switch self {
      case .producer, .writer: 400_000
      case .reader, .task: 1_000_000
      case .lookup: 4_000_000
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
      case .trouble: 3
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
  /// The log's writer is at work: others may go on while it waits for the disk.
  var isTurning = false
  private var isNested = false
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
  var readers: [ReaderPosition]
  /// Failures and refusals of the disk before this process began.
  var failuresBefore = 0
  var refusalsBefore = 0
  var isCrashOfPower = false

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
    #if PLANTED_BUGS
      weather.options.plantedBug = settings.plantedBug
    #endif
    self.weather = weather
    inputs = Array(repeating: InputModel(), count: weather.partitions)
    derived = (0..<weather.tasks).map { DerivedModel(partition: $0) }
    checkpointed = Array(repeating: 0, count: weather.tasks)
    hasDamagedCheckpoints = Array(repeating: false, count: weather.tasks)
    readers = (0..<weather.readers).map { _ in ReaderPosition() }
    let all: [Part] =
      Array(repeating: .producer, count: weather.producers) + [.writer, .lookup, .trouble]
      + (0..<weather.readers).map { .reader($0) } + (0..<weather.tasks).map { .task($0) }
    parts = all.map { ($0, 0) }
    disk.onCall = { [unowned self] operation in self.pass(operation) }
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
      step { _ in true }
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

  /// Lets the part that is due first take a step.
  private func step(_ isAllowed: (Part) -> Bool) {
    var first: Int?
    for index in parts.indices where isAllowed(parts[index].part) {
      if first.map({ parts[index].due < parts[$0].due }) ?? true { first = index }
    }
    guard let first else { return }
    now = max(now, parts[first].due)
    counts.operations += 1
    let part = parts[first].part
    // Due again before it is done: what runs within its calls must not be itself.
    parts[first].due = now + Int64.random(in: 1...2 * part.pace, using: &random)
    disk.trace.add("\(now) \(part)", part.code, now)
    take(part)
  }

  private func take(_ part: Part) {
    switch part {
    case .producer: produce()
    case .writer: turn()
    case .lookup: lookUp()
    case .reader(let index): read(index)
    case .task(let index): fold(index)
    case .trouble: makeTrouble()
    }
  }

  /// A call to the disk takes its time; others go on meanwhile.
  private func pass(_ operation: DiskOperation) {
    guard !disk.faults.isSuspended else { return }
    let usual: Int64 = operation == .sync || operation == .syncDirectory ? 600_000 : 5_000
    let nanos = Int64.random(in: 1...usual, using: &random) * (isSlow ? 50 : 1)
    now += nanos
    ticks.wallNanos += nanos * 1000
    guard isTurning, !isNested, !isCalm, process != nil else { return }
    isNested = true
    defer { isNested = false }
    var steps = 0
    while steps < 4, !disk.isDown, violation == nil,
      parts.contains(where: { $0.part.isConcurrent && $0.due <= now })
    {
      step { $0.isConcurrent }
      steps += 1
    }
  }

  /// The log's writer carries out what is queued.
  func turn() {
    guard let log = process?.log else { return }
    turning { _ = log.turn() }
  }

  /// Runs what makes the log's writer work, with others going on beside it.
  func turning<Result, E: Error>(_ body: () throws(E) -> Result) throws(E) -> Result {
    let before = isTurning
    isTurning = true
    defer { isTurning = before }
    return try body()
  }

  // MARK: Judgement

  func violate(_ text: String) {
    guard violation == nil else { return }
    violation = "operation \(counts.operations): \(text)"
    disk.trace.add("VIOLATION \(text)", -1)
  }

  /// Whether something happened in this process of which the error is a consequence.
  func isCaused(_ error: LogError) -> Bool {
    if disk.isDown { return true }
    return switch error {
    case .failed: disk.faults.failures > failuresBefore || disk.faults.refusals > refusalsBefore
    case .diskFull: disk.faults.refusals > refusalsBefore
    case .closed: isClosing
    default: false
    }
  }

  func check(_ error: LogError, _ what: String) {
    if !isCaused(error) { violate("\(what): \(error), without a cause") }
  }
}
