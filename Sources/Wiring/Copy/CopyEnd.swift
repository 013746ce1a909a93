// What `millrace copy` may be told to copy from and to.

import Codecs
import Core
import Events
import Foundation
import Log
import LogKafka

/// One side of a copy, as the person named it.
struct CopyEnd {
  static let forms = "a data directory, kafka:HOST:PORT,... or a topology file"

  let topology: Topology
  /// Whether a file says how the topics shall be, not only where.
  let isFile: Bool

  init(_ text: String) throws {
    var isDirectory: ObjCBool = false
    let exists = unsafe FileManager.default.fileExists(atPath: text, isDirectory: &isDirectory)
    isFile = exists && !isDirectory.boolValue && text != "kafka"
    if isFile {
      topology = try Topology.read(text)
      return
    }
    var topology = Topology()
    if text == "kafka" || text.hasPrefix("kafka:") {
      try topology.log.setBackend(text)
    } else {
      topology.log.directory = text
    }
    self.topology = topology
  }

  /// How the values of its topics are stored. Asks the schema registry, if there is one.
  func encodings(_ stop: StopSignal) throws -> [String: ValueEncoding] {
    topology.encodings(try topology.schemaIDs { stop.wait(timeoutNanos: $0) })
  }

  /// How the target shall have a topic of the source.
  func settings(of topic: TopicSettings) throws -> TopicSettings {
    guard let known = Topic.all.first(where: { $0.name == topic.name }) else { return topic }
    var settings = topology.settings(of: known)
    guard !isFile || settings.partitions == topic.partitions else {
      throw CommandFailure(
        code: .badData,
        message: "\(topic.name) has \(topic.partitions) partitions, the target's topology says \(settings.partitions): "
          + "a copy keeps each record's partition; set log.partitions to \(topic.partitions)")
    }
    settings.partitions = topic.partitions
    return settings
  }
}

extension KafkaLog {
  /// Connects to the cluster, whose topics are stored as `encodings` says. `readsHeaders` is false for who looks at no
  /// record's headers.
  static func open(
    _ section: Topology.KafkaSection, _ encodings: [String: ValueEncoding] = [:], readsHeaders: Bool = true,
    logger: Logger = .silent
  ) throws -> KafkaLog {
    var configuration = try section.configuration(environment: ProcessInfo.processInfo.environment)
    configuration.encodings = encodings
    configuration.readsHeaders = readsHeaders
    do throws(KafkaError) { return try open(configuration, logger: logger) } catch { throw CommandFailure(error) }
  }
}
