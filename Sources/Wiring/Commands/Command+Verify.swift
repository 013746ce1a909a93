// `millrace verify`: the stored derived topics against a fold from nothing.

import Core
import Events
import Foundation
import Log
import LogKafka
import Processors

extension Command {
  static let verify = Command(
    name: "verify", summary: "fold again from nothing and compare every derived record and recorded hash",
    options: topologyOptions,
    details: """
      The topology must be the one that the data was made with: weights and intervals are part of the history.
      On Kafka it judges what is committed when it begins, also beside running processes, and compares with the
      checkpoints that are in the data directory.

      Exit status 0: all equal. 1: the first difference is named. 65: stored data is damaged, file and byte are named.
      """
  ) { arguments in
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    guard let kafka = topology.log.kafka else {
      return try withReader(arguments) { log in
        guard log.topics().contains(where: { $0.name == Topic.ticks.name }) else {
          throw CommandFailure(code: .missingInput, message: "there are no ticks in \(topology.log.directory)")
        }
        return try verify(log, .offsets, topology)
      }
    }
    let log = try KafkaLog.open(kafka, topology.encodings(try topology.schemaIDs()))
    defer { log.close() }
    // What is not there is said; else the log then knows how many partitions there are.
    do throws(LogError) { _ = try log.partition(Topic.ticks.name, 0) } catch { throw CommandFailure(error) }
    return try verify(log, .counts, topology)
  }

  private static func verify<Source: EventLog>(
    _ log: Source, _ places: StoredPlaces, _ topology: Topology
  ) throws -> ExitCode {
    let count = log.topics().first { $0.name == Topic.ticks.name }?.partitions ?? 0
    for index in 0..<count {
      let code = try verify(log, places, partition: index, topology)
      guard code == .success else { return code }
    }
    return .success
  }

  private static func verify<Source: EventLog>(
    _ log: Source, _ places: StoredPlaces, partition index: Int, _ topology: Topology
  ) throws -> ExitCode {
    let clock = SystemClock()
    var progress = ProgressLine(label: "verified", unit: "records", nowNanos: clock.monotonicNanos())
    let result: VerifyResult
    do throws(ProcessorError) {
      let store = try onLog { () throws(LogError) in try CheckpointDirectory(topology.checkpointDirectory(index)) }
      let parts = try onLog { () throws(LogError) in try PriceTopics(log, index) }
      var verifier = Verifier(
        input: parts.input, outputs: parts.outputs, store: store, settings: topology.taskSettings, places: places,
        isCompacted: { name in Topic.all.contains { $0.name == name && topology.policy(of: $0).compaction != nil } }
      ) { topology.makeFold() }
      result = try verifier.run { done, total in
        progress.update(done: done, total: total, nowNanos: clock.monotonicNanos())
      }
    } catch {
      progress.clear()
      throw CommandFailure(error)
    }
    progress.clear()
    switch result {
    case .same(let summary):
      for warning in summary.warnings { Console.error(warning) }
      Console.print(summary.text(partition: index))
      return .success
    case .different(let difference):
      Console.error(difference.text)
      return difference.file == nil ? .difference : .badData
    }
  }
}

/// The partitions that one fold reads and writes.
struct PriceTopics<Partition: PartitionLog> {
  let input: Partition
  static var outputTopics: [Topic] { [.latest, .candles, .deadTicks] }
  /// In the order of the fold's topics, then the dead letters.
  let outputs: [Partition]

  init<Source: EventLog>(_ log: Source, _ index: Int) throws(LogError) where Source.Partition == Partition {
    input = try log.partition(Topic.ticks.name, index)
    var outputs: [Partition] = []
    for topic in Self.outputTopics { outputs.append(try log.partition(topic.name, index)) }
    self.outputs = outputs
  }
}

extension Topology {
  func checkpointDirectory(_ partition: Int) -> String { "\(log.directory)/checkpoints/prices-\(partition)" }
}

/// Runs what touches the log inside a fold's error type.
func onLog<Result>(_ body: () throws(LogError) -> Result) throws(ProcessorError) -> Result {
  do throws(LogError) {
    return try body()
  } catch {
    throw .log(error)
  }
}

extension VerifySummary {
  func text(partition: Int) -> String {
    let lines =
      ["partition \(partition): \(inputRecords) input records folded again, \(checkpoints) checkpoints compared, equal"]
      + topics.map { topic in
        let missing = topic.missing > 0 ? "\(topic.missing) not stored yet, " : ""
        return "  \(topic.topic): \(topic.records) records, \(missing)sha256 \(topic.hash)"
      }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension VerifyDifference {
  var text: String {
    var lines = ["\(topic)-\(partition) differs at offset \(offset): \(reason)"]
    if let file { lines.append("  in \(file) at byte \(byte ?? 0)") }
    if let inputOffset { lines.append("  caused by the input record at \(partition):\(inputOffset)") }
    if !expected.isEmpty { lines.append("  expected \(expected)") }
    if !found.isEmpty { lines.append("  found    \(found)") }
    lines.append("  if it ran with another topology, name that one with --topology")
    return lines.joined(separator: "\n")
  }
}

extension CommandFailure {
  init(_ error: ProcessorError) {
    switch error {
    case .log(let error): self.init(error)
    case .damagedInput(let topic, let partition, let offset, let reason):
      self.init(code: .badData, message: "\(topic)-\(partition) is damaged after offset \(offset): \(reason)")
    case .foreignRecords(let topic, let partition, let expected, let found):
      self.init(
        code: .badData,
        message: "\(topic)-\(partition) ends at \(found), not at \(expected): another program wrote to it")
    case .otherHistory(let topic, let partition, let reason):
      self.init(
        code: .badData,
        message:
          "\(topic)-\(partition) is not of this fold: \(reason). Give the fold topics and a group of its own, or "
          + "delete the derived topics and the group's offsets, and all is built anew")
    case .inputExpired(let topic, let partition, let startOffset):
      self.init(
        code: .badData,
        message:
          "\(topic)-\(partition) begins at \(startOffset), and no usable checkpoint lies there or later: bring one "
          + "back, or delete the directories of the derived topics, which are then built from what is retained")
    }
  }
}
