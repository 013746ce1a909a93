// Where the topology comes from: flags before environment before file before defaults.

internal import CPlatform
import Foundation

extension Topology {
  /// Reads the file, if one is named, then lays the environment and the flags over it.
  static func load(_ arguments: Arguments, environment: [String: String]) throws -> Topology {
    let file = arguments["topology"] ?? environment["MILLRACE_TOPOLOGY"]
    var topology = try file.map(read) ?? .withoutFile
    if let text = arguments["log"] ?? environment["MILLRACE_LOG"] { try topology.log.setBackend(text) }
    if let directory = arguments["data"] ?? environment["MILLRACE_DATA"] { topology.log.directory = directory }
    if let text = arguments["listen"] ?? environment["MILLRACE_LISTEN"] {
      guard let (host, port) = EdgeSection.address(text) else {
        throw CommandFailure(code: .usage, message: "--listen \(text): it must be HOST:PORT, such as 127.0.0.1:8080")
      }
      (topology.edge.host, topology.edge.port) = (host, port)
    }
    if let text = arguments["feed"] ?? environment["MILLRACE_FEED"] { topology.feeds = try feeds(text, topology) }
    if let text = arguments["rate"] ?? environment["MILLRACE_RATE"] { try topology.setRate(text) }
    if topology.log.kafka != nil { topology.share = .dealt }
    if let text = arguments["roles"] ?? environment["MILLRACE_ROLES"] { try topology.setRoles(text) }
    if let text = arguments["partitions"] ?? environment["MILLRACE_PARTITIONS"] { try topology.setShare(text) }
    try topology.checkRoles()
    return topology
  }

  /// For commands that only know the files of the embedded log.
  static func loadEmbedded(_ arguments: Arguments) throws -> Topology {
    let topology = try load(arguments, environment: ProcessInfo.processInfo.environment)
    guard topology.log.kafka != nil else { return topology }
    throw CommandFailure(
      code: .usage,
      message: "this command works on the files of the embedded log, and the log is Kafka: name a data directory with "
        + "--log embedded --data DIR, or use Kafka's own tools, such as kcat or kafka-dump-log")
  }

  /// What runs when no file says anything: a market of our own making, so that there is something to see.
  private static var withoutFile: Topology {
    var topology = Topology()
    topology.feeds = [.synthetic(Synthetic())]
    return topology
  }

  static func read(_ path: String) throws -> Topology {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandFailure(code: .missingInput, message: "cannot read the topology file \(path)")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw CommandFailure(code: .badData, message: "\(path) is not UTF-8 text")
    }
    do throws(YAMLError) {
      return try Topology(yaml: text)
    } catch {
      throw CommandFailure(
        code: .badData, message: "\(path):\(error.mark.line):\(error.mark.column): \(error.message)")
    }
  }

  private static func feeds(_ text: String, _ topology: Topology) throws -> [Feed] {
    if text == "none" { return [] }
    if text == "synthetic" {
      if let known = topology.feeds.first(where: { if case .synthetic = $0 { true } else { false } }) { return [known] }
      return [.synthetic(Synthetic())]
    }
    if text.hasPrefix("recorded:"), text.utf8.count > 9 {
      return [.recorded(Recorded(directory: String(text.dropFirst(9))))]
    }
    throw CommandFailure(
      code: .usage, message: "--feed \(text): it must be synthetic, recorded:DIRECTORY or none")
  }

  /// For a synthetic feed a rate is ticks a second; for recordings it is the factor of their own pace.
  private mutating func setRate(_ text: String) throws {
    feeds = try feeds.map { feed in
      switch feed {
      case .synthetic(var synthetic):
        guard let rate = Synthetic.rate(text) else {
          throw CommandFailure(code: .usage, message: "--rate \(text): it must be max or ticks a second, from 1")
        }
        synthetic.ratePerSecond = rate
        return .synthetic(synthetic)
      case .recorded(var recorded):
        guard let speed = Recorded.speedMilli(text) else {
          throw CommandFailure(code: .usage, message: "--rate \(text): it must be max or a factor, such as 1 or 60")
        }
        recorded.speedMilli = speed
        return .recorded(recorded)
      }
    }
  }
}

extension Topology.LogSection {
  /// `embedded`, `kafka`, or `kafka:HOST:PORT,...`; the rest of a file's `log.kafka` stays.
  mutating func setBackend(_ text: String) throws {
    if text == "embedded" {
      backend = .embedded
      return
    }
    var section = kafka ?? Topology.KafkaSection()
    if text.hasPrefix("kafka:"), Topology.KafkaSection.areServers(String(text.dropFirst(6))) {
      section.bootstrapServers = String(text.dropFirst(6))
    } else if text != "kafka" {
      throw CommandFailure(
        code: .usage, message: "--log \(text): it must be embedded, kafka or kafka:HOST:PORT, several with commas")
    }
    backend = .kafka(section)
  }
}
