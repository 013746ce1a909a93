// The real broker that the tests may use: where BOOTSTRAP points, as `make test-kafka` sets it.

import Core
import Foundation
import Log
import LogKafka
import PortKit
import Testing

enum Broker {
  /// `host:port`, or nil: then what needs a broker is skipped, and says so.
  static let bootstrap = ProcessInfo.processInfo.environment["BOOTSTRAP"]

  static let isThere: Bool = bootstrap != nil

  static func open(_ adjust: (inout KafkaConfiguration) -> Void = { _ in }) throws -> KafkaLog {
    var configuration = KafkaConfiguration(bootstrapServers: bootstrap ?? "")
    adjust(&configuration)
    return try KafkaLog.open(configuration)
  }

  /// A topic's name that was never used, on whatever broker.
  static func freshTopic(_ name: String) -> String {
    "test-" + String(UInt64.random(in: 0...UInt64.max), radix: 36) + "-" + name
  }
}

struct KafkaLogFactory: LogFactory {
  func make(segmentBytes: Int64) throws -> KafkaLog { try Broker.open() }
  func freshTopic(_ name: String) -> String { Broker.freshTopic(name) }
  var keepsBatches: Bool { false }
}
