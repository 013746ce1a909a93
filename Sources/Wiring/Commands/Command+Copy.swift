// `millrace copy`: the topics of one log into another, the embedded log and Kafka in any direction.

import Codecs
import Core
import Events
import Foundation
import Log
import LogKafka

extension Command {
  static let copy = Command(
    name: "copy", summary: "copy topics from one log to another, embedded or Kafka; go on where a copy was stopped",
    positional: ["FROM", "TO"],
    options: [
      Option(name: "topics", value: "TOPICS", help: "all (default), inputs, or names with commas")
    ],
    details: """
      FROM and TO are \(CopyEnd.forms).
      Copies what the source holds when it begins, also beside a running `millrace run`; records, keys, headers and
      timestamps are unchanged, in the same partitions. From an embedded log to Kafka, derived topics are copied up to
      the newest checkpoint, and its position is committed, so that the folds there go on; where that cannot be, they
      are left out, and the folds make theirs of the input. The target's topics must be new, or hold what an earlier
      copy brought. It may be stopped or killed at any moment: the same command goes on, without a loss or a duplicate,
      and brings what came since.

      Values that are stored as text, or under the ids of a schema registry, take a topology file that says so.

      Offsets may differ. The target keeps in its topic \(CopyMap.topic.name) where each record lies; `millrace
      position` translates.

      example:
        millrace copy data kafka:127.0.0.1:9092
      """
  ) { arguments in
    // Before the logs have threads, which would take the signal and end the process.
    let stop = StopSignal()
    let from = try CopyEnd(arguments.positional[0])
    let to = try CopyEnd(arguments.positional[1])
    let choice = try TopicChoice(arguments["topics"] ?? "all")
    guard let kafka = from.topology.log.kafka else {
      let directory = from.topology.log.directory
      return try withEmbedded(directory, try from.encodings(stop)) { log in
        var topics = try choice.select(log.topics().filter { $0.name != CopyMap.topic.name })
        guard to.topology.log.kafka != nil, choice == .all else { return try copy(topics, from: log, to: to, stop) }
        let handover = try handover(from: log, directory, to)
        if handover == nil { topics.removeAll(where: \.isDerived) }
        return try copy(topics, from: log, to: to, stop, handover)
      }
    }
    let log = try KafkaLog.open(kafka, try from.encodings(stop))
    defer { log.close() }
    return try copy(try choice.select(try topics(of: kafka, choice)), from: log, to: to, stop)
  }

  private static func handover(from log: EmbeddedLog, _ directory: String, _ to: CopyEnd) throws -> FoldHandover? {
    do throws(LogError) {
      if let handover = try FoldHandover(from: log, directory: directory, to: to.topology) { return handover }
    } catch { throw CommandFailure(error) }
    Console.message(
      "millrace: without the derived topics: there is no checkpoint that the folds of the target's topology could go "
        + "on from, or the input does not begin at its beginning; they make theirs of the input\n")
    return nil
  }

  /// Those of our topics that a cluster has, and those that are asked for by name.
  private static func topics(of kafka: Topology.KafkaSection, _ choice: TopicChoice) throws -> [TopicSettings] {
    let configuration = try kafka.configuration(environment: ProcessInfo.processInfo.environment)
    do throws(KafkaError) {
      let topics = try KafkaTopics(configuration)
      defer { topics.close() }
      let known = Topic.all.map(\.name)
      let names = known + choice.names.filter { !known.contains($0) }
      let found = try topics.found(names)
      return names.compactMap { name in
        found[name].map { topic in
          let isDerived = Topic.all.first { $0.name == name }?.isDerived ?? false
          return TopicSettings(name: name, partitions: topic.partitions, isDerived: isDerived)
        }
      }
    } catch { throw CommandFailure(error) }
  }

  private static func copy<Source: EventLog>(
    _ topics: [TopicSettings], from source: Source, to end: CopyEnd, _ stop: StopSignal, _ handover: FoldHandover? = nil
  ) throws -> ExitCode {
    guard !topics.isEmpty else {
      throw CommandFailure(code: .missingInput, message: "the source has none of these topics")
    }
    let wanted = try topics.map { topic in
      var wanted = CopyTopic(name: topic.name, settings: try end.settings(of: topic))
      for index in 0..<topic.partitions { wanted.ends[index] = handover?.end(of: topic.name, index) }
      return wanted
    }
    guard let kafka = end.topology.log.kafka else {
      let log: EmbeddedLog
      var options = LogOptions()
      options.segmentBytes = Int64(end.topology.log.segmentBytes)
      options.encodings = try end.encodings(stop)
      do throws(LogError) {
        log = try EmbeddedLog.open(directory: end.topology.log.directory, options: options)
      } catch { throw CommandFailure(error) }
      defer { log.close() }
      return try run(wanted, from: source, to: EmbeddedCopyTarget(log: log), stop)
    }
    for topic in wanted { try refuseForgotten(topic.settings, in: source) }
    let log = try KafkaLog.open(kafka, try end.encodings(stop))
    defer { log.close() }
    // First of all: nothing that an earlier copy left under way may come after what is read next.
    let writer: KafkaCopyWriter
    do throws(LogError) { writer = try log.copyWriter(id: "millrace-copy") } catch { throw CommandFailure(error) }
    defer { writer.close() }
    let code = try run(wanted, from: source, to: KafkaCopyTarget(log: log, writer: writer), stop)
    if code == .success, let handover {
      do throws(LogError) { try handover.commit(to: log) } catch { throw CommandFailure(error) }
    }
    return code
  }

  private static func run<Source: EventLog, Target: CopyTarget>(
    _ topics: [CopyTopic], from source: Source, to target: Target, _ stop: StopSignal
  ) throws -> ExitCode {
    do {
      var copy = try LogCopy(from: source, to: target)
      let isWhole = try copy.run(topics) { stop.isRequested }
      Console.message(
        isWhole
          ? "millrace: copied \(topics.map(\.name).joined(separator: ", ")), \(copy.recordsDone) records now\n"
          : "millrace: stopped after \(copy.recordsDone) records; the same command goes on\n")
      return isWhole ? .success : .temporary
    } catch let error as LogError {
      throw CommandFailure(error)
    } catch let error as CopyError { throw CommandFailure(error) }
  }

  /// Kafka's retention counts from the event time: what is older would be gone as soon as it is there.
  private static func refuseForgotten<Source: EventLog>(_ topic: TopicSettings, in source: Source) throws {
    guard let millis = topic.policy.retentionMillis else { return }
    let horizon = SystemClock().wallNanos() / 1_000_000 - millis
    do throws(LogError) {
      for index in 0..<topic.partitions {
        let partition = try source.partition(topic.name, index)
        var reader = CopyReader(partition)
        let start = partition.startOffset
        let first = try reader.chunk(from: start, to: min(start + 1, partition.highWatermark))
        guard let time = first.batches.first?.maxTimestampMillis, time < horizon else { continue }
        throw .refused(
          "\(topic.name) holds events older than the \(millis / 3_600_000) h that the target keeps, which on Kafka "
            + "counts from the event time: they would be deleted at once; set retentionHours: 0, or more")
      }
    } catch { throw CommandFailure(error) }
  }
}

/// Which topics a person asked for.
enum TopicChoice: Equatable {
  case all
  case inputs
  case named([String])

  init(_ text: String) throws {
    switch text {
    case "all": self = .all
    case "inputs": self = .inputs
    default:
      let names = text.split(separator: ",").map(String.init)
      guard !names.isEmpty else { throw CommandFailure(code: .usage, message: "--topics needs all, inputs or names") }
      // A stream's name stands for its topic's.
      self = .named(names.map { name in Topic.all.first { $0.stream == name }?.name ?? name })
    }
  }

  var names: [String] { if case .named(let names) = self { names } else { [] } }

  func select(_ topics: [TopicSettings]) throws -> [TopicSettings] {
    switch self {
    case .all: return topics
    case .inputs: return topics.filter { !$0.isDerived }
    case .named(let names):
      for name in names where !topics.contains(where: { $0.name == name }) {
        throw CommandFailure(code: .missingInput, message: "the source has no topic \(name)")
      }
      return topics.filter { names.contains($0.name) }
    }
  }
}

extension CommandFailure {
  init(_ error: CopyError) {
    switch error {
    case .log(let error): self.init(error)
    case .otherHistory(let partition):
      self.init(
        code: .badData,
        message: "\(partition) in the target is a copy of another history than the source has now: copy to new topics")
    case .foreignRecords(let partition, let offset):
      self.init(
        code: .badData,
        message: "\(partition) in the target holds records from offset \(offset) on that no copy brought: somebody "
          + "writes to it. Copy to new topics, and let nothing write there until the copy is whole")
    case .sourceExpired(let partition, let needed, let earliest):
      self.init(
        code: .badData,
        message: "\(partition) in the source begins at \(earliest) by now, and \(needed) was to come next: copy to new "
          + "topics")
    }
  }
}
