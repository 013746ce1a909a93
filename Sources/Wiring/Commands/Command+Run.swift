// `millrace run`: the whole system, until Ctrl-C.

import Codecs
import Core
import Events
import Feeds
import Foundation
import Log
import LogKafka

extension Command {
  static let run = Command(
    name: "run", summary: "run the system that the topology names, until Ctrl-C",
    options: topologyOptions + feedOptions + shareOptions + [
      Option(name: "log-format", value: "FORMAT", help: "logfmt (default) or json")
    ],
    details: """
      examples:
        millrace run                                        a synthetic market in ./data
        millrace run --feed recorded:captures --rate max    recordings, as fast as possible
        millrace run --feed none                            HTTP ingest alone
        millrace run --log kafka --roles feeds,processors   one of several processes, on Apache Kafka
      """
  ) { arguments in
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    for case .recorded(let feed) in topology.feeds {
      do throws(FeedError) {
        try RecordedFeed<SystemClock, Runtime<EmbeddedLog>.Sink>.check(directory: feed.directory)
      } catch {
        throw CommandFailure(code: .missingInput, message: "\(error)")
      }
    }
    // Before the log has threads, which would take the signal and end the process.
    let stop = StopSignal()
    let logger = Logger(format: arguments["log-format"] == "json" ? .json : .logfmt)
    let schemaIDs = try topology.schemaIDs { stop.wait(timeoutNanos: $0) }
    let encodings = topology.encodings(schemaIDs)
    if let kafka = topology.log.kafka {
      // Neither the folds nor the edge look at headers.
      let log = try KafkaLog.open(kafka, encodings, readsHeaders: false, logger: logger)
      try run(log, topology, schemaIDs, logger, stop, "events on Kafka at \(kafka.bootstrapServers)")
    } else {
      let log = try openEmbedded(topology, encodings, logger: logger)
      try run(log, topology, schemaIDs, logger, stop, "data in \(topology.log.directory)")
    }
    return .success
  }

  private static func run<Source: FoldingLog>(
    _ log: Source, _ topology: Topology, _ schemaIDs: [Topic: UInt32], _ logger: Logger, _ stop: StopSignal,
    _ place: String
  ) throws {
    let runtime: Runtime<Source>
    do throws(RuntimeError) {
      runtime = try Runtime(log, topology, schemaIDs: schemaIDs, logger: logger)
      let port = try runtime.start { lines in for line in lines { Console.message("\(line)\n") } }
      let host = topology.edge.host.contains(":") ? "[\(topology.edge.host)]" : topology.edge.host
      Console.message("millrace: listening on http://\(host):\(port), \(place); Ctrl-C stops\n")
    } catch {
      throw CommandFailure(error)
    }
    while !stop.wait(timeoutNanos: 3_600_000_000_000) {}
    Console.message("millrace: stopping\n")
    runtime.stop()
  }

  private static func openEmbedded(
    _ topology: Topology, _ encodings: [String: ValueEncoding], logger: Logger
  ) throws -> EmbeddedLog {
    var options = LogOptions()
    options.segmentBytes = Int64(topology.log.segmentBytes)
    options.reserveBytes = Limits.logReserveBytes
    options.encodings = encodings
    let log: EmbeddedLog
    do throws(LogError) {
      log = try EmbeddedLog.open(directory: topology.log.directory, options: options, files: PosixFiles())
    } catch {
      throw CommandFailure(error)
    }
    for cut in log.tailCuts { logger.warning("a torn tail was cut off", ["what": "\(cut)"]) }
    return log
  }
}

extension CommandFailure {
  init(_ error: RuntimeError) {
    switch error {
    case .log(let error): self.init(error)
    case .fold(let reason): self.init(code: .badData, message: reason)
    case .edge(let reason): self.init(code: .unavailable, message: reason)
    }
  }

  /// What each failure of the log means for whoever typed the command.
  init(_ error: LogError) {
    switch error {
    case .locked(let directory):
      self.init(code: .temporary, message: "\(directory) is in use by another millrace; stop it or choose --data")
    case .corrupt(let file, let byte, let reason):
      self.init(code: .badData, message: "\(file) is damaged at byte \(byte): \(reason)")
    case .unknownTopic(let topic): self.init(code: .missingInput, message: "there is no topic \(topic) in this log")
    case .conflictingSettings(let settings):
      self.init(
        code: .badData,
        message: "\(settings.name) exists with \(settings.partitions) partitions; log.partitions says otherwise")
    case .otherEncoding(let topic, let found, let wanted):
      let stream = Topic.all.first { $0.name == topic }?.stream ?? topic
      self.init(
        code: .badData,
        message: "\(topic) holds \(found), and the topology says \(wanted): let log.topics.\(stream).encoding and "
          + "schemaRegistry say what is there, or bring the topics with millrace copy to where they are otherwise")
    case .unavailable(let reason): self.init(code: .unavailable, message: reason)
    case .refused(let reason): self.init(code: .badData, message: reason)
    default: self.init(code: .inputOutput, message: "the log: \(error)")
    }
  }
}
