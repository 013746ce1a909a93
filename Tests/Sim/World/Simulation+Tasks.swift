// The folds: real tasks over the log, with real checkpoints.

import Codecs
import Events
import Kit
import Log
import Processors

extension Simulation {
  static let checkpointsKept = 2

  func checkpointDirectory(_ index: Int) -> String { "/data/checkpoints/prices-\(index)" }

  /// Makes the task if there is none, or lets it take a step, or checkpoints. Returns what a step did.
  @discardableResult func fold(_ index: Int) -> StepResult? {
    guard let process else { return nil }
    do throws(ProcessorError) {
      guard let task = process.tasks[index] else {
        try start(index)
        return nil
      }
      if random.next() % 12 == 0 {
        try task.checkpointNow()
        checkpointed[index] = task.position
        counts.checkpoints += 1
        disk.trace.add("checkpoint \(index) at \(task.position)", Int64(index), task.position)
      } else {
        let maxBytes = [1, 500, 3000, 20_000][Int(random.next() % 4)]
        let result = try task.step(maxBytes: maxBytes)
        disk.trace.add("fold \(index) \(result) to \(task.position)", Int64(index), task.position)
        return result
      }
    } catch {
      disk.trace.add("fold \(index): \(error)", Int64(index), -1)
      self.process?.tasks[index] = nil
      check(error, index)
    }
    return nil
  }

  private func check(_ error: ProcessorError, _ index: Int) {
    switch error {
    case .log(let error): check(error, "task \(index)")
    // Without its checkpoints, or after a loss that made them worthless, it cannot begin in the middle.
    case .inputExpired where hasDamagedCheckpoints[index] || derived[index].isOutdated: isStranded[index] = true
    default: violate("task \(index): \(error)")
    }
  }

  /// Lets the task find its place.
  func start(_ index: Int) throws(ProcessorError) {
    guard let process else { return }
    taskStarts += 1
    let store: CheckpointDirectory<SimulatedFiles>
    let task: Task
    do throws(LogError) {
      store = try CheckpointDirectory(checkpointDirectory(index), files: SimulatedFiles(disk))
    } catch { throw .log(error) }
    var settings = TaskSettings()
    settings.checkpointRecords = weather.checkpointRecords
    settings.checkpointsKept = Self.checkpointsKept
    settings.checkpointsKeptOlder = 3
    #if PLANTED_BUGS
      settings.plantedBug = self.settings.plantedBug
    #endif
    task = try Task(
      input: process.inputs[index], outputs: process.derived[index], store: store, settings: settings,
      mode: process.seenEnds[index] == nil ? .cutting : .inPlace, makeProcessor: makeSimulatedFold)
    self.process?.tasks[index] = task
    if process.seenEnds[index] == nil { self.process?.seenEnds[index] = process.derived[index].map(\.highWatermark) }
    let report = task.recovery
    disk.trace.add("task \(index) \(report)", Int64(index), report.position)
    isStranded[index] = false
    if derived[index].isOutdated {
      if report.outcome == .continued || report.outcome == .regenerated {
        violate("task \(index) went on from \(report.position) with input of another epoch")
      }
      derived[index] = DerivedModel(partition: index)
      for topic in DerivedModel.topics.indices { seen[number(index, topic)] = PartitionSight() }
      return
    }
    guard !hasDamagedCheckpoints[index] else { return }
    if report.outcome == .rebuilt { violate("task \(index) was built anew, though nothing about it has changed") }
    // Only rot can make a checkpoint unusable: it was whole and all that it counts was durable before it had its name.
    if let warning = report.warnings.first { violate("task \(index) passed a checkpoint over: \(warning)") }
    if report.position < checkpointed[index] {
      violate("task \(index) went back to \(report.position), a checkpoint was at \(checkpointed[index])")
    }
  }
}
