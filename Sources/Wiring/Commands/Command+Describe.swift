// `millrace describe` and `millrace version`: what would run, and what is running it.

internal import CPlatform
import Foundation

extension Command {
  static let topologyOptions = [
    Option(name: "topology", value: "FILE", help: "the topology file (MILLRACE_TOPOLOGY)"),
    Option(name: "log", value: "LOG", help: "embedded, kafka or kafka:HOST:PORT,... (MILLRACE_LOG)"),
    Option(name: "data", value: "DIR", help: "the data directory (MILLRACE_DATA; default data)"),
  ]
  static let feedOptions = [
    Option(name: "listen", value: "HOST:PORT", help: "where the edge listens (MILLRACE_LISTEN; 127.0.0.1:8080)"),
    Option(name: "feed", value: "FEED", help: "synthetic, recorded:DIR or none (MILLRACE_FEED)"),
    Option(name: "rate", value: "N|max", help: "ticks a second, or the factor of a recording's pace (MILLRACE_RATE)"),
  ]
  static let shareOptions = [
    Option(
      name: "roles", value: "ROLES", help: "some of feeds,processors,edge, on Kafka (MILLRACE_ROLES; default all)"),
    Option(
      name: "partitions", value: "LIST",
      help: "those to fold, such as 0-3 or 0,2; group (default on Kafka) to be dealt them (MILLRACE_PARTITIONS)"),
  ]

  static let describe = Command(
    name: "describe", summary: "print the topology in force, key by key",
    options: topologyOptions + feedOptions + shareOptions
  ) { arguments in
    Console.print(try Topology.load(arguments, environment: ProcessInfo.processInfo.environment).description)
    return .success
  }

  static let version = Command(name: "version", summary: "print the version") { _ in
    Console.print("millrace \(Version.text)\n")
    return .success
  }
}
