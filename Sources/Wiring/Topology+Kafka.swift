// The Kafka part of the log section: how to reach the cluster, and how its topics are replicated.

import Foundation
package import LogKafka

extension Topology {
  package struct KafkaSection: Equatable, Sendable {
    package var bootstrapServers = "127.0.0.1:9092"
    /// Consumer group whose committed offsets say how far the folds are.
    package var group = "millrace"
    /// Copies of each topic that is created; nil is what the brokers do by default.
    package var replication: Int?
    /// Copies that must have an append before it is acknowledged; nil is what the brokers do by default.
    package var minInsyncReplicas: Int?
    package var timeouts = KafkaTimeouts()
    package var tls: TLSSection?
    package var sasl: SASLSection?
    /// librdkafka's own settings, of those that LogKafka leaves to choose.
    package var librdkafka: [String: String] = [:]

    package init() {}
  }

  /// PEM files.
  package struct TLSSection: Equatable, Sendable {
    package var authorities: String?
    package var certificate: String?
    package var key: String?
    package var keyPasswordFile: String?
  }

  package struct SASLSection: Equatable, Sendable {
    package enum Mechanism: String, CaseIterable, Sendable {
      case plain = "PLAIN"
      case scramSHA256 = "SCRAM-SHA-256"
      case scramSHA512 = "SCRAM-SHA-512"
    }

    package var mechanism: Mechanism
    package var user: String
    package var passwordFile: String?
  }
}

extension Topology.KafkaSection {
  mutating func read(_ section: inout MappingReader) throws(YAMLError) {
    if let (text, mark) = try section.text("bootstrapServers") {
      guard Self.areServers(text) else {
        throw YAMLError(
          mark: mark,
          message: "\(section.name("bootstrapServers")) is \"\(text)\"; it must be HOST:PORT, or several with commas")
      }
      bootstrapServers = text
    }
    if let (text, mark) = try section.text("group") {
      guard (1...249).contains(text.utf8.count) else {
        throw YAMLError(mark: mark, message: "\(section.name("group")) must have 1 to 249 bytes")
      }
      group = text
    }
    replication = try section.integer("replication", in: 1...100)
    minInsyncReplicas = try section.integer("minInsyncReplicas", in: 1...100)
    if let replication, let minInsyncReplicas, minInsyncReplicas > replication {
      throw YAMLError(
        mark: section.mark,
        message:
          "\(section.name("minInsyncReplicas")) is \(minInsyncReplicas), of only \(replication) replicas: nothing "
          + "could ever be appended")
    }
    try section.integer("appendTimeoutMillis", in: 1000...900_000, into: &timeouts.appendMillis)
    try section.integer("requestTimeoutMillis", in: 1000...300_000, into: &timeouts.requestMillis)
    try section.integer("readTimeoutMillis", in: 1000...300_000, into: &timeouts.readMillis)
    if var inner = try section.section("tls") { tls = try Topology.TLSSection(&inner) }
    if var inner = try section.section("sasl") { sasl = try Topology.SASLSection(&inner) }
    if var inner = try section.section("librdkafka") { librdkafka = try Self.settings(&inner) }
    try section.finish()
  }

  private static func settings(_ section: inout MappingReader) throws(YAMLError) -> [String: String] {
    var settings: [String: String] = [:]
    for (key, mark) in section.keys {
      if let refusal = KafkaConfiguration.refusal(ofSetting: key) {
        throw YAMLError(mark: mark, message: "\(section.path): \(refusal)")
      }
      settings[key] = try section.text(key)?.0
    }
    return settings
  }

  /// `host:port`, or several with commas.
  static func areServers(_ text: String) -> Bool {
    let servers = text.split(separator: ",", omittingEmptySubsequences: false)
    return servers.allSatisfy { server in
      guard let colon = server.lastIndex(of: ":"), let port = UInt16(server[server.index(after: colon)...]) else {
        return false
      }
      return port > 0 && colon > server.startIndex && !server.contains(" ")
    }
  }
}

extension Topology.TLSSection {
  fileprivate init(_ section: inout MappingReader) throws(YAMLError) {
    authorities = try section.text("authorities")?.0
    certificate = try section.text("certificate")?.0
    key = try section.text("key")?.0
    keyPasswordFile = try section.text("keyPasswordFile")?.0
    guard (certificate == nil) == (key == nil) else {
      throw YAMLError(mark: section.mark, message: "\(section.path) needs certificate and key together")
    }
    try section.finish()
  }
}

extension Topology.SASLSection {
  fileprivate init(_ section: inout MappingReader) throws(YAMLError) {
    let known = Mechanism.allCases.map(\.rawValue).joined(separator: ", ")
    let (name, mark) = try section.text("mechanism") ?? ("", section.mark)
    guard let mechanism = Mechanism(rawValue: name) else {
      throw YAMLError(mark: mark, message: "\(section.name("mechanism")) must be one of \(known)")
    }
    guard let (user, _) = try section.text("user") else {
      throw YAMLError(mark: section.mark, message: "\(section.path) needs a user")
    }
    self.mechanism = mechanism
    self.user = user
    passwordFile = try section.text("passwordFile")?.0
    try section.finish()
  }
}

extension Topology.KafkaSection {
  static let passwordVariable = "MILLRACE_KAFKA_PASSWORD"
  static let keyPasswordVariable = "MILLRACE_KAFKA_KEY_PASSWORD"

  /// What `KafkaLog.open` takes. Passwords come from the environment, or from their files.
  func configuration(environment: [String: String]) throws -> KafkaConfiguration {
    var configuration = KafkaConfiguration(
      bootstrapServers: bootstrapServers, timeouts: timeouts, adjustments: librdkafka)
    configuration.group = group
    configuration.replication = replication
    configuration.minInsyncReplicas = minInsyncReplicas
    #if PLANTED_BUGS
      configuration.plantedBug = environment["MILLRACE_PLANTED_BUG"].flatMap { KafkaPlantedBug(rawValue: $0) }
    #endif
    if let tls {
      let password = try SecretFile.secret(environment[Self.keyPasswordVariable], orIn: tls.keyPasswordFile)
      configuration.tls = KafkaTLS(
        authorities: tls.authorities, certificate: tls.certificate, key: tls.key, keyPassword: password)
      for file in [tls.authorities, tls.certificate, tls.key].compactMap(\.self) { try Self.check(file) }
    }
    if let sasl {
      guard let password = try SecretFile.secret(environment[Self.passwordVariable], orIn: sasl.passwordFile) else {
        throw CommandFailure(
          code: .badData,
          message: "log.kafka.sasl has no password: name its file with passwordFile, or set \(Self.passwordVariable)")
      }
      configuration.login =
        switch sasl.mechanism {
        case .plain: .plain(user: sasl.user, password: password)
        case .scramSHA256: .scramSHA256(user: sasl.user, password: password)
        case .scramSHA512: .scramSHA512(user: sasl.user, password: password)
        }
    }
    return configuration
  }

  private static func check(_ file: String) throws {
    if FileManager.default.isReadableFile(atPath: file) { return }
    throw CommandFailure(code: .missingInput, message: "cannot read \(file), which log.kafka.tls names")
  }

  var keys: [Topology.Key] {
    let standard = "as the brokers have it"
    var keys = [
      Topology.Key(name: "log.kafka.bootstrapServers", value: bootstrapServers),
      Topology.Key(name: "log.kafka.group", value: group),
      Topology.Key(name: "log.kafka.replication", value: replication.map(String.init) ?? standard),
      Topology.Key(name: "log.kafka.minInsyncReplicas", value: minInsyncReplicas.map(String.init) ?? standard),
      Topology.Key(name: "log.kafka.appendTimeoutMillis", value: "\(timeouts.appendMillis)", unit: "ms"),
      Topology.Key(name: "log.kafka.requestTimeoutMillis", value: "\(timeouts.requestMillis)", unit: "ms"),
      Topology.Key(name: "log.kafka.readTimeoutMillis", value: "\(timeouts.readMillis)", unit: "ms"),
      Topology.Key(name: "log.kafka.tls", value: tls == nil ? "none" : "on"),
    ]
    if let tls {
      keys += [
        Topology.Key(name: "log.kafka.tls.authorities", value: tls.authorities ?? "those that the system trusts"),
        Topology.Key(name: "log.kafka.tls.certificate", value: tls.certificate ?? "none"),
        Topology.Key(name: "log.kafka.tls.key", value: tls.key ?? "none"),
        Topology.Key(
          name: "log.kafka.tls.keyPasswordFile", value: tls.keyPasswordFile ?? "none (\(Self.keyPasswordVariable))"),
      ]
    }
    keys.append(Topology.Key(name: "log.kafka.sasl", value: sasl?.mechanism.rawValue ?? "none"))
    if let sasl {
      keys += [
        Topology.Key(name: "log.kafka.sasl.user", value: sasl.user),
        Topology.Key(
          name: "log.kafka.sasl.passwordFile", value: sasl.passwordFile ?? "none (\(Self.passwordVariable))"),
      ]
    }
    return keys
      + librdkafka.sorted { $0.key < $1.key }.map {
        Topology.Key(name: "log.kafka.librdkafka.\($0.key)", value: $0.value)
      }
  }
}
