// The schemaRegistry section: where the schemas are registered, and under which ids the values are therefore stored.

import Codecs
import Core
import Events
import Foundation
import Registry
import Web

extension Topology {
  package struct RegistrySection: Equatable, Sendable {
    /// The root of its API, without a slash at its end.
    package var url: String
    /// A PEM file of who may sign its certificate; nil for those that the system trusts.
    package var authorities: String?
    package var user: String?
    package var passwordFile: String?

    static let passwordVariable = "MILLRACE_REGISTRY_PASSWORD"
  }

  /// The ids in front of the values of those topics that are stored in Avro: the schemas' own, or those that the
  /// registry gives. That is then asked, and waited for: `wait` is as `SchemaRegistry` has it.
  func schemaIDs(wait: @escaping (Int64) -> Bool = Self.sleep) throws -> [Topic: UInt32] {
    let topics = Topic.all.filter { log.topics[$0.stream]?.encoding != .json }
    guard let schemaRegistry else { return Dictionary(uniqueKeysWithValues: topics.map { ($0, $0.schemaID) }) }
    let configuration = try schemaRegistry.configuration(environment: ProcessInfo.processInfo.environment)
    do throws(RegistryError) {
      let registry = try SchemaRegistry(configuration, wait: wait) { Console.message("millrace: \($0)\n") }
      var ids: [Topic: UInt32] = [:]
      for topic in topics {
        let schema = TopicSchema(topic: topic.name, text: SchemaCatalog.text(of: topic))
        let id = try registry.id(of: schema)
        if let other = ids.first(where: { $0.value == id })?.key {
          throw .refused("the schema registry at \(configuration.url) has id \(id) for \(other.name) and \(topic.name)")
        }
        ids[topic] = id
      }
      return ids
    } catch { throw CommandFailure(error) }
  }

  /// For commands that a signal simply ends.
  private static func sleep(nanos: Int64) -> Bool {
    if nanos > 0 { NamedThread.sleep(nanos: nanos) }
    return false
  }

  /// How the values of the topics are stored, by their names; those without an id as text.
  func encodings(_ ids: [Topic: UInt32]) -> [String: ValueEncoding] {
    var encodings: [String: ValueEncoding] = [:]
    for topic in Topic.all { encodings[topic.name] = topic.encoding(ids[topic].map { .avro(id: $0) } ?? .json) }
    return encodings
  }
}

extension Topology.RegistrySection {
  /// `schemaRegistry: URL`, or a mapping of keys.
  init(_ node: YAMLNode) throws(YAMLError) {
    if case .scalar(let text, let mark) = node {
      url = try Self.url(text, mark, "schemaRegistry")
      return
    }
    var section = try MappingReader(node, path: "schemaRegistry")
    guard let (text, mark) = try section.text("url") else {
      throw YAMLError(mark: section.mark, message: "\(section.path) needs a url")
    }
    url = try Self.url(text, mark, section.name("url"))
    if var inner = try section.section("tls") {
      authorities = try inner.text("authorities")?.0
      try inner.finish()
    }
    if var inner = try section.section("basicAuth") {
      guard let (user, mark) = try inner.text("user"), !user.isEmpty else {
        throw YAMLError(mark: inner.mark, message: "\(inner.path) needs a user")
      }
      guard !user.contains(":") else {
        throw YAMLError(mark: mark, message: "\(inner.name("user")) has a colon, which HTTP takes for its end")
      }
      self.user = user
      passwordFile = try inner.text("passwordFile")?.0
      try inner.finish()
    }
    try section.finish()
  }

  private static func url(_ text: String, _ mark: YAMLMark, _ name: String) throws(YAMLError) -> String {
    let parts = URLComponents(string: text)
    // Not repeated: it may hold a password.
    guard parts?.user == nil, parts?.password == nil else {
      throw YAMLError(mark: mark, message: "\(name) holds a user: give schemaRegistry.basicAuth instead")
    }
    guard let parts, ["http", "https"].contains(parts.scheme), parts.host?.isEmpty == false, parts.query == nil,
      parts.fragment == nil, !text.contains(",")
    else {
      throw YAMLError(
        mark: mark, message: "\(name) is \"\(text)\"; it must be one http:// or https:// URL, such as http://HOST:8081")
    }
    var url = text[...]
    while url.hasSuffix("/") { url = url.dropLast() }
    return String(url)
  }

  /// What `SchemaRegistry` takes. The password comes from the environment, or from its file.
  func configuration(environment: [String: String]) throws -> RegistryConfiguration {
    var configuration = RegistryConfiguration(url: url, authorities: authorities)
    if let authorities, !FileManager.default.isReadableFile(atPath: authorities) {
      throw CommandFailure(
        code: .missingInput, message: "cannot read \(authorities), which schemaRegistry.tls.authorities names")
    }
    if let user {
      guard let password = try SecretFile.secret(environment[Self.passwordVariable], orIn: passwordFile) else {
        throw CommandFailure(
          code: .badData,
          message: "schemaRegistry.basicAuth has no password: name its file with passwordFile, or set "
            + Self.passwordVariable)
      }
      configuration.login = RegistryLogin(user: user, password: password)
    }
    return configuration
  }

  var keys: [Topology.Key] {
    [
      Topology.Key(name: "schemaRegistry", value: url),
      Topology.Key(name: "schemaRegistry.tls.authorities", value: authorities ?? "those that the system trusts"),
      Topology.Key(name: "schemaRegistry.basicAuth.user", value: user ?? "none"),
      Topology.Key(
        name: "schemaRegistry.basicAuth.passwordFile", value: passwordFile ?? "none (\(Self.passwordVariable))"),
    ]
  }
}

extension CommandFailure {
  /// What each failure of the registry means for whoever typed the command.
  fileprivate init(_ error: RegistryError) {
    switch error {
    case .unavailable(let reason): self.init(code: .unavailable, message: reason)
    case .refused(let reason): self.init(code: .badData, message: reason)
    case .stopped: self.init(code: .temporary, message: "stopped while waiting for the schema registry")
    }
  }
}
