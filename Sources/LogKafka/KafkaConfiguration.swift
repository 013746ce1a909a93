// How to reach a Kafka cluster. Everything else is pinned: see PinnedSettings.

package import Codecs
package import Core

/// What a client proves itself with, besides a certificate.
package enum KafkaLogin: Sendable, Equatable {
  case plain(user: String, password: Secret)
  case scramSHA256(user: String, password: Secret)
  case scramSHA512(user: String, password: Secret)

  fileprivate var mechanism: String {
    switch self {
    case .plain: "PLAIN"
    case .scramSHA256: "SCRAM-SHA-256"
    case .scramSHA512: "SCRAM-SHA-512"
    }
  }

  fileprivate var user: String {
    switch self {
    case .plain(let user, _), .scramSHA256(let user, _), .scramSHA512(let user, _): user
    }
  }

  fileprivate var password: Secret {
    switch self {
    case .plain(_, let password), .scramSHA256(_, let password), .scramSHA512(_, let password): password
    }
  }
}

/// Encryption: PEM files.
package struct KafkaTLS: Sendable, Equatable {
  /// Who may sign the brokers' certificates; nil for those that the system trusts.
  package var authorities: String?
  /// The client's own certificate and key, where the brokers demand one.
  package var certificate: String?
  package var key: String?
  package var keyPassword: Secret?

  package init(
    authorities: String? = nil, certificate: String? = nil, key: String? = nil, keyPassword: Secret? = nil
  ) {
    self.authorities = authorities
    self.certificate = certificate
    self.key = key
    self.keyPassword = keyPassword
  }
}

package struct KafkaConfiguration: Sendable, Equatable {
  /// `host:port,host:port`: some brokers of the cluster; the others are found through them.
  package var bootstrapServers: String
  package var tls: KafkaTLS?
  package var login: KafkaLogin?
  package var timeouts: KafkaTimeouts
  /// Copies of a topic that is created; nil for as many as the brokers make by default.
  package var replication: Int?
  /// Copies that must have an append before it is acknowledged; nil for as many as the brokers demand by default.
  package var minInsyncReplicas: Int?
  /// The consumer group under which processors commit their positions; also the beginning of their transactional ids.
  package var group = "millrace"
  /// The name of this process in the group, where it is to have one that outlives it: a static member.
  package var instance: String?
  /// How the values of topics are stored, by the topics' names; of others they are stored as they are handled.
  package var encodings: [String: ValueEncoding] = [:]
  /// More of librdkafka's own settings, of those that `PinnedSettings.adjustable` lists.
  package var adjustments: [String: String]
  /// Whether records are read with their headers. To find out that a record has none costs librdkafka an eighth of all
  /// that reading it costs: false where nobody looks at them.
  package var readsHeaders = true
  /// False only where no broker can tell how a topic is set, as in librdkafka's mock cluster: epochs are then without a
  /// topic's marker.
  package var readsTopicSettings = true
  #if PLANTED_BUGS
    package var plantedBug: KafkaPlantedBug?
  #endif

  package init(
    bootstrapServers: String, tls: KafkaTLS? = nil, login: KafkaLogin? = nil,
    timeouts: KafkaTimeouts = KafkaTimeouts(), adjustments: [String: String] = [:]
  ) {
    self.bootstrapServers = bootstrapServers
    self.tls = tls
    self.login = login
    self.timeouts = timeouts
    self.adjustments = adjustments
  }

  /// Refuses what cannot work, before anything is connected. `libraryVersion` is librdkafka's, as it counts:
  /// 0x02000200 and more for 2.0.2.
  package func check(libraryVersion: Int32) throws(KafkaError) {
    guard !bootstrapServers.isEmpty else { throw .configuration("no bootstrap servers") }
    if let login, login.mechanism.hasPrefix("SCRAM"), libraryVersion < Self.firstWithSCRAM {
      throw .configuration(
        """
        librdkafka \(Self.text(libraryVersion)) cannot do \(login.mechanism) with Kafka 4: it sends a nonce that the \
        broker refuses as "invalid credentials", though the password is right. Use librdkafka 2.6.1 or later (Debian \
        13 has 2.8.0), or SASL PLAIN over TLS, or a client certificate.
        """)
    }
    if case .plain? = login, tls == nil {
      throw .configuration("SASL PLAIN without TLS would send the password readable: add tls")
    }
    for (key, _) in adjustments.sorted(by: { $0.key < $1.key }) {
      if let refusal = Self.refusal(ofSetting: key) { throw .configuration(refusal) }
    }
  }

  /// Why one of librdkafka's settings is not for users to choose; nil if it is.
  package static func refusal(ofSetting key: String) -> String? {
    if PinnedSettings.adjustable.contains(where: { $0.key == key }) { return nil }
    if let pinned = PinnedSettings.table.first(where: { $0.key == key }) {
      return "\(key) is pinned to \(pinned.value): \(pinned.reason)"
    }
    return "unknown setting \(key); those that may be chosen are "
      + PinnedSettings.adjustable.map(\.key).joined(separator: ", ")
  }

  private static let firstWithSCRAM: Int32 = 0x0206_01ff

  private static func text(_ version: Int32) -> String {
    "\(version >> 24 & 0xff).\(version >> 16 & 0xff).\(version >> 8 & 0xff)"
  }

  /// What this adds to the pinned settings, in librdkafka's words. Those marked secret must not be quoted anywhere.
  var settings: [(key: String, value: String, isSecret: Bool)] {
    var result = [("bootstrap.servers", bootstrapServers, false)]
    result += adjustments.sorted { $0.key < $1.key }.map { ($0.key, $0.value, false) }
    let protocolName = (login == nil ? "" : "SASL_") + (tls == nil ? "PLAINTEXT" : "SSL")
    result.append(("security.protocol", protocolName, false))
    if let tls {
      if let authorities = tls.authorities { result.append(("ssl.ca.location", authorities, false)) }
      if let certificate = tls.certificate { result.append(("ssl.certificate.location", certificate, false)) }
      if let key = tls.key { result.append(("ssl.key.location", key, false)) }
      if let password = tls.keyPassword { result.append(("ssl.key.password", password.revealed, true)) }
    }
    if let login {
      result.append(("sasl.mechanisms", login.mechanism, false))
      result.append(("sasl.username", login.user, false))
      result.append(("sasl.password", login.password.revealed, true))
    }
    return result
  }
}
