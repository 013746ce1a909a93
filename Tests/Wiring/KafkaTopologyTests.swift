// The log section for Kafka: short and long, what it yields, and that passwords stay out of sight.

import Core
import Foundation
import Kit
import LogKafka
import Testing

@testable import Wiring

@Suite struct KafkaTopologyTests {
  private func kafka(_ yaml: String) throws -> Topology.KafkaSection {
    try #require(try Topology(yaml: yaml).log.kafka)
  }

  @Test func theShortFormIsTheDefaults() throws {
    #expect(try kafka("log: kafka\n") == Topology.KafkaSection())
    #expect(try kafka("log: {kafka: {}}\n") == Topology.KafkaSection())
    #expect(try Topology(yaml: "log: embedded\n") == Topology())
    #expect(
      try kafka("log: kafka").configuration(environment: [:]) == KafkaConfiguration(bootstrapServers: "127.0.0.1:9092"))
  }

  @Test func everyKeyReachesTheConfiguration() throws {
    let directory = TemporaryDirectory()
    for (name, text) in [
      ("password", "p4ss\n"), ("key-password", "k3y"), ("ca.pem", ""), ("me.pem", ""), ("me.key", ""),
    ] {
      try Data(text.utf8).write(to: URL(filePath: "\(directory.path)/\(name)"))
    }
    let topology = try Topology(
      yaml: """
        log:
          directory: state
          partitions: 12
          kafka:
            bootstrapServers: a:9092,b:9093
            group: prices
            replication: 3
            minInsyncReplicas: 2
            appendTimeoutMillis: 30000
            requestTimeoutMillis: 5000
            readTimeoutMillis: 6000
            tls:
              authorities: \(directory.path)/ca.pem
              certificate: \(directory.path)/me.pem
              key: \(directory.path)/me.key
              keyPasswordFile: \(directory.path)/key-password
            sasl: {mechanism: SCRAM-SHA-512, user: me, passwordFile: \(directory.path)/password}
            librdkafka: {client.rack: eu-1}
        """)
    let section = try #require(topology.log.kafka)
    #expect(section.group == "prices" && topology.log.directory == "state" && topology.log.partitions == 12)
    var expected = KafkaConfiguration(
      bootstrapServers: "a:9092,b:9093",
      tls: KafkaTLS(
        authorities: "\(directory.path)/ca.pem", certificate: "\(directory.path)/me.pem",
        key: "\(directory.path)/me.key", keyPassword: Secret("k3y")),
      login: .scramSHA512(user: "me", password: Secret("p4ss")),
      timeouts: KafkaTimeouts(appendMillis: 30_000, requestMillis: 5000, readMillis: 6000),
      adjustments: ["client.rack": "eu-1"])
    expected.group = "prices"
    expected.replication = 3
    expected.minInsyncReplicas = 2
    #expect(try section.configuration(environment: [:]) == expected)
    expected.login = .scramSHA512(user: "me", password: Secret("other"))
    #expect(try section.configuration(environment: ["MILLRACE_KAFKA_PASSWORD": "other"]) == expected)
    let text = topology.description + "\(expected)" + String(reflecting: expected)
    #expect(!text.contains("p4ss") && !text.contains("k3y") && !text.contains("other"))
    let lines = topology.description.split(separator: "\n")
    for line in ["* log: kafka", "* log.kafka.replication: 3", "* log.kafka.tls.key: \(directory.path)/me.key"] {
      #expect(lines.contains(Substring(line)), "\(line)")
    }
    #expect(!topology.description.contains("durability"))
  }

  @Test func aMissingPasswordIsSaid() throws {
    let section = try kafka("log: {kafka: {sasl: {mechanism: PLAIN, user: me}, tls: {}}}")
    do {
      _ = try section.configuration(environment: [:])
      Issue.record("accepted")
    } catch let error as CommandFailure {
      #expect(error.message.contains("passwordFile") && error.message.contains("MILLRACE_KAFKA_PASSWORD"))
    }
    let lost = try kafka("log: {kafka: {sasl: {mechanism: PLAIN, user: me, passwordFile: /nowhere}, tls: {}}}")
    #expect(throws: CommandFailure.self) { try lost.configuration(environment: [:]) }
    let unreadable = try kafka("log: {kafka: {tls: {authorities: /nowhere}}}")
    #expect(throws: CommandFailure.self) { try unreadable.configuration(environment: [:]) }
  }

  @Test func theFlagChoosesTheLog() throws {
    func log(_ text: String, environment: [String: String] = [:]) throws -> Topology.LogBackend {
      try Topology.load(Arguments(values: ["log": text]), environment: environment).log.backend
    }
    #expect(try log("embedded", environment: ["MILLRACE_LOG": "kafka"]) == .embedded)
    #expect(try log("kafka") == .kafka(Topology.KafkaSection()))
    guard case .kafka(let section) = try log("kafka:a:1,b:2") else {
      Issue.record("not Kafka")
      return
    }
    #expect(section.bootstrapServers == "a:1,b:2")
    for wrong in ["", "kafka:", "kafka:a", "kafka:a:0", "kafka:a:1,", "kafka:a:1, b:2", "Kafka"] {
      #expect(throws: CommandFailure.self, "\(wrong)") { try log(wrong) }
    }
    #expect(throws: CommandFailure.self) { try Topology.loadEmbedded(Arguments(values: ["log": "kafka"])) }
  }

  @Test(arguments: [
    ("log: {kafka: 3}", 1, 14, "log.kafka must be a mapping of keys"),
    (
      "log: {kafka: {bootstrapServers: a}}", 1, 33,
      "log.kafka.bootstrapServers is \"a\"; it must be HOST:PORT, or several with commas"
    ),
    ("log: {kafka: {group: ''}}", 1, 22, "log.kafka.group must have 1 to 249 bytes"),
    (
      "log: {kafka: {replication: 0}}", 1, 28, "log.kafka.replication is \"0\"; it must be a whole number from 1 to 100"
    ),
    (
      "log: {kafka: {replication: 2, minInsyncReplicas: 3}}", 1, 14,
      "log.kafka.minInsyncReplicas is 3, of only 2 replicas: nothing could ever be appended"
    ),
    (
      "log:\n  kafka: {}\n  durability: os\n", 3, 15,
      "log.durability is of the embedded log, and log.kafka is given: leave it out. On Kafka an append "
        + "is acknowledged when all replicas in sync have it, and segments have the brokers' size"
    ),
    ("log: {kafka: {tls: {key: a}}}", 1, 20, "log.kafka.tls needs certificate and key together"),
    (
      "log: {kafka: {sasl: {mechanism: GSSAPI}}}", 1, 33,
      "log.kafka.sasl.mechanism must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    ),
    ("log: {kafka: {sasl: {mechanism: PLAIN}}}", 1, 21, "log.kafka.sasl needs a user"),
    (
      "log: {kafka: {sasl: {mechanism: PLAIN, user: a, password: b}}}", 1, 49,
      "unknown key \"password\" in log.kafka.sasl; known are mechanism, passwordFile, user"
    ),
    (
      "log: {kafka: {librdkafka: {acks: '1'}}}", 1, 28,
      "log.kafka.librdkafka: acks is pinned to all: acknowledged means: on all replicas in sync"
    ),
    (
      "log: {kafka: {librdkafka: {sasl.password: x}}}", 1, 28,
      "log.kafka.librdkafka: unknown setting sasl.password; those that may be chosen are client.id, client.rack, "
        + "broker.address.family, ssl.endpoint.identification.algorithm"
    ),
  ])
  func aMistakeIsNamedByLineAndColumn(text: String, line: Int, column: Int, message: String) {
    #expect(throws: YAMLError(mark: YAMLMark(line: line, column: column), message: message)) {
      try Topology(yaml: text)
    }
  }
}
