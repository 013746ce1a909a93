// What is refused before anything is connected, and what is never shown.

import CKafka
import Codecs
import Core
import Foundation
import Kit
import Log
import Synchronization
import Testing

@testable import LogKafka

@Suite struct KafkaConfigurationTests {
  private static let current: Int32 = 0x0208_00ff
  private static let debian12: Int32 = 0x0200_02ff

  private func refusal(_ configuration: KafkaConfiguration, library: Int32 = current) -> String? {
    do throws(KafkaError) {
      try configuration.check(libraryVersion: library)
      return nil
    } catch {
      #expect(error.consequence == .refused)
      return error.reason
    }
  }

  @Test func refusesUnknownAndPinnedSettings() {
    var configuration = KafkaConfiguration(bootstrapServers: "a:1")
    #expect(refusal(configuration) == nil)
    configuration.adjustments = ["client.rack": "eu-1"]
    #expect(refusal(configuration) == nil)
    configuration.adjustments = ["acks": "1"]
    #expect(refusal(configuration) == "acks is pinned to all: acknowledged means: on all replicas in sync")
    configuration.adjustments = ["clientrack": "eu-1"]
    #expect(refusal(configuration)?.hasPrefix("unknown setting clientrack; those") == true)
    #expect(refusal(KafkaConfiguration(bootstrapServers: "")) == "no bootstrap servers")
  }

  @Test func refusesSCRAMWithALibraryThatCannotDoIt() throws {
    let password = Secret("hunter2")
    for login in [KafkaLogin.scramSHA256(user: "u", password: password), .scramSHA512(user: "u", password: password)] {
      let configuration = KafkaConfiguration(bootstrapServers: "a:1", tls: KafkaTLS(), login: login)
      let reason = try #require(refusal(configuration, library: Self.debian12))
      #expect(reason.contains("2.0.2") && reason.contains("2.6.1") && reason.contains("PLAIN over TLS"))
      #expect(!reason.contains("hunter2"))
      #expect(refusal(configuration, library: 0x0206_00ff) != nil)
      #expect(refusal(configuration, library: 0x0206_01ff) == nil)
    }
    let plain = KafkaLogin.plain(user: "u", password: password)
    #expect(
      refusal(KafkaConfiguration(bootstrapServers: "a:1", tls: KafkaTLS(), login: plain), library: 0x0200_02ff) == nil)
    #expect(refusal(KafkaConfiguration(bootstrapServers: "a:1", login: plain)) != nil)
  }

  @Test func showsNoSecret() {
    let configuration = KafkaConfiguration(
      bootstrapServers: "a:1", tls: KafkaTLS(keyPassword: Secret("opensesame")),
      login: .plain(user: "u", password: Secret("hunter2")))
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), dumped] {
      #expect(!text.contains("hunter2") && !text.contains("opensesame") && text.contains("(secret)"))
    }
  }

  /// librdkafka says which settings it does not know, and quotes what it does not like.
  @Test func quotesNoSecretInAnErrorNorInALine() throws {
    let lines = Mutex("")
    let logger = Logger(minimum: .debug) { line in lines.withLock { $0 += String(decoding: line, as: UTF8.self) } }
    var configuration = KafkaConfiguration(
      bootstrapServers: "127.0.0.1:1", tls: KafkaTLS(), login: .plain(user: "u", password: Secret("hunter2")),
      timeouts: KafkaTimeouts(appendMillis: 500, requestMillis: 500, readMillis: 500))
    do throws(KafkaError) {
      try KafkaLog.open(configuration, logger: logger).close()
      Issue.record("nobody listens there")
    } catch {
      #expect(error.consequence == .retriable)
      #expect(!"\(error)".contains("hunter2"))
    }
    configuration.tls?.key = "/nowhere/key.pem"
    configuration.tls?.keyPassword = Secret("opensesame")
    #expect(throws: KafkaError.self) { try KafkaLog.open(configuration, logger: logger).close() }
    let said = lines.withLock { $0 }
    #expect(said.contains("librdkafka") && !said.contains("hunter2") && !said.contains("opensesame"))
  }

  @Test func eachPinnedSettingHasAReasonAndIsKnown() throws {
    let configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
    for role in KafkaRole.allCases {
      // librdkafka refuses what it does not know.
      try KafkaHandle(role, configuration, logger: .silent).destroy()
    }
    for setting in PinnedSettings.table { #expect(!setting.reason.isEmpty && !setting.roles.isEmpty) }
    let pinned = Set(PinnedSettings.table.map(\.key))
    #expect(pinned.count == PinnedSettings.table.count)
    #expect(pinned.isDisjoint(with: PinnedSettings.adjustable.map(\.key)))
  }

  @Test func settingsOfLaterLibrariesAreLeftOutBefore() {
    let configuration = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
    func keys(_ version: Int32) -> Set<String> {
      Set(PinnedSettings.settings(of: .consumer, configuration, libraryVersion: version).map(\.key))
    }
    #expect(keys(0x0202_00ff).subtracting(keys(0x0200_02ff)) == ["fetch.queue.backoff.ms"])
  }

  /// Where a key goes is what librdkafka, which is what Java does, would choose.
  @Test func partitionsAsJavaClientsDo() {
    var random = SplitMix(seed: 1)
    for _ in 0..<5000 {
      let key = (0..<Int.random(in: 1...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let count = Int.random(in: 1...64, using: &random)
      let theirs = key.withUnsafeBytes {
        rd_kafka_msg_partitioner_murmur2(nil, $0.baseAddress, $0.count, Int32(count), nil, nil)
      }
      #expect(Murmur2.partition(key: key.span.bytes, count: count) == Int(theirs), "\(key)")
    }
  }

  @Test func classifiesErrors() {
    let cases: [(rd_kafka_resp_err_t, KafkaError.Consequence)] = [
      (RD_KAFKA_RESP_ERR__TRANSPORT, .retriable), (RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, .retriable),
      (RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, .retriable), (RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, .retriable),
      (RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, .retriable), (RD_KAFKA_RESP_ERR__FENCED, .fatal),
      (RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, .retriable),
      (RD_KAFKA_RESP_ERR__FATAL, .fatal), (RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .refused),
      (RD_KAFKA_RESP_ERR__AUTHENTICATION, .refused), (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, .refused),
      (RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, .abortable), (rd_kafka_resp_err_t(rawValue: 9999), .retriable),
    ]
    for (code, consequence) in cases {
      let error = KafkaError(code, "doing")
      #expect(error.consequence == consequence, "\(error)")
      switch (consequence, error.logError) {
      case (.retriable, .unavailable), (.abortable, .unavailable), (.refused, .refused), (.fatal, .failed): break
      default: Issue.record("\(error) became \(error.logError)")
      }
    }
  }
}
