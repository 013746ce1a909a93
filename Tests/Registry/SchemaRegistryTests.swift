// The registry's client against a peer that answers rightly, wrongly, late and not at all.

import Foundation
import Synchronization
import Testing

@testable import Core
@testable import Registry

@Suite struct SchemaRegistryTests {
  private static let schema = TopicSchema(
    topic: "prices.x.v1", text: Array(#"{"type": "record", "name": "X", "doc": "of \"x\"", "fields": []}"#.utf8))
  private static let missing = RegistryPeer.Reply.json(404, #"{"error_code":40403,"message":"Schema not found"}"#)

  /// What was waited for and said meanwhile.
  private final class Waits: Sendable {
    let pauses = Mutex<[Int64]>([])
    let reports = Mutex<[String]>([])
    let looks = Mutex(0)
  }

  /// The id that `url` gives; no pause takes any time. The process is told to stop when it looks the `stopsAt`th time.
  private func ask(
    _ url: String, login: RegistryLogin? = nil, waits: Waits = Waits(), stopsAt: Int = .max
  ) throws -> UInt32 {
    let registry = try SchemaRegistry(
      RegistryConfiguration(url: url, login: login),
      wait: { nanos in
        if nanos > 0 { waits.pauses.withLock { $0.append(nanos) } }
        return waits.looks.withLock { looks in
          looks += 1
          return looks >= stopsAt
        }
      }, report: { line in waits.reports.withLock { $0.append(line) } })
    return try registry.id(of: Self.schema)
  }

  /// Checks that `body` throws a refusal, or what is out of reach, with all of `words`.
  private func expectFailure(_ words: String..., isPassing: Bool = false, _ body: () throws -> UInt32) {
    do {
      Issue.record("was given \(try body())")
    } catch RegistryError.refused(let reason) where !isPassing {
      for word in words { #expect(reason.contains(word), "\(reason)") }
    } catch RegistryError.unavailable(let reason) where isPassing {
      for word in words { #expect(reason.contains(word), "\(reason)") }
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test func whatIsThereIsLookedUpAndNotRegistered() throws {
    let peer = RegistryPeer { _, _ in .json(200, #"{"subject":"s","more":{"id":[1]},"id":100200,"version":3}"#) }
    #expect(try ask("\(peer.url)/apis/v7") == 100_200)
    let request = try #require(peer.requests.first)
    #expect(peer.requests.count == 1 && request.line == "POST /apis/v7/subjects/prices.x.v1-value HTTP/1.1")
    #expect(request.headers["content-type"] == "application/vnd.schemaregistry.v1+json")
    #expect(request.headers["authorization"] == nil && request.headers["expect"] == nil)
    let body = try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: String]
    #expect(body == ["schema": String(decoding: Self.schema.text, as: UTF8.self)])
  }

  @Test func whatIsNotThereIsRegistered() throws {
    let peer = RegistryPeer { request, _ in
      switch request.line {
      case "POST /subjects/prices.x.v1-value/versions HTTP/1.1": .json(200, #"{"id":7}"#)
      case "GET /subjects/prices.x.v1-value/versions/latest HTTP/1.1":
        .json(200, #"{"id":6,"schema":"{\"type\":\"record\",\"name\":\"Y\",\"fields\":[]}"}"#)
      default: Self.missing
      }
    }
    #expect(try ask(peer.url) == 7)
    #expect(peer.requests.count == 3 && peer.requests[2].body == peer.requests[0].body)
  }

  @Test func aDifferenceInDocumentationMakesNoOtherId() throws {
    let peer = RegistryPeer { request, _ in
      request.line.hasPrefix("GET")
        ? .json(200, #"{"id":6,"schema":"{\"name\":\"X\",\"type\":\"record\",\"fields\":[],\"doc\":\"older\"}"}"#)
        : Self.missing
    }
    #expect(try ask(peer.url) == 6)
    #expect(!peer.requests.contains { $0.line.contains("versions HTTP") })
  }

  @Test func theLoginIsSentToTheRegistryAlone() throws {
    let elsewhere = RegistryPeer { _, _ in .json(200, #"{"id":1}"#) }
    let peer = RegistryPeer { [url = elsewhere.url] request, _ in
      request.headers["authorization"] == "Basic bWU6cDpzcw=="
        ? .json(307, "", headers: "Location: \(url)/there\r\n") : .json(401, "")
    }
    let login = RegistryLogin(user: "me", password: Secret("p:ss"))
    expectFailure("sends its clients on to \(elsewhere.url)/there", "schemaRegistry.url") {
      try ask(peer.url, login: login)
    }
    #expect(elsewhere.requests.isEmpty)
    expectFailure("does not accept the user and password") {
      try ask(peer.url, login: RegistryLogin(user: "me", password: Secret("other")))
    }
    expectFailure("give schemaRegistry.basicAuth") { try ask(peer.url) }
  }

  @Test func aBusyRegistryIsAskedAgain() throws {
    let waits = Waits()
    let peer = RegistryPeer { _, index in
      switch index {
      case 0: .json(503, #"{"error_code":50302,"message":"starting"}"#)
      case 1: .json(429, "")
      case 2: .bytes([])
      default: .json(200, #"{"id":5}"#)
      }
    }
    #expect(try ask(peer.url, waits: waits) == 5)
    #expect(waits.pauses.withLock { $0 } == [250_000_000, 500_000_000, 1_000_000_000])
    let reports = waits.reports.withLock { $0 }
    #expect(reports.count == 3 && reports[0].contains(#"\#(peer.url) answers HTTP 503, "starting""#), "\(reports)")
  }

  @Test func nobodyThereIsSaidAfterSoManyAttempts() {
    let port = RegistryPeer { _, _ in .silence }.port
    let waits = Waits()
    expectFailure("http://127.0.0.1:\(port)", "8 times", "Failed to connect", isPassing: true) {
      try ask("http://127.0.0.1:\(port)", waits: waits)
    }
    #expect(waits.pauses.withLock { $0.count } == Limits.Registry.attemptsMax - 1)
  }

  @Test func aStopEndsTheWaitForAnAnswerAndForTheNextAttempt() throws {
    let silent = RegistryPeer { _, _ in .silence }
    #expect(throws: RegistryError.stopped) { try ask(silent.url, stopsAt: 3) }
    let busy = RegistryPeer { _, _ in .json(500, "") }
    let waits = Waits()
    for look in 1...8 {
      #expect(throws: RegistryError.stopped) {
        try ask(busy.url, waits: waits, stopsAt: waits.looks.withLock { $0 + look })
      }
    }
  }

  @Test(arguments: [
    ("no answer of a registry", RegistryPeer.Reply.json(200, "<html>")),
    ("no answer of a registry", .json(200, #"{"id":0}"#)),
    ("no answer of a registry", .json(200, #"{"id":-1}"#)),
    ("no answer of a registry", .json(200, #"{"id":2147483648}"#)),
    ("no answer of a registry", .json(200, #"{"id":"7"}"#)),
    ("no answer of a registry", .json(200, #"{"id":7"#)),
    ("no answer of a registry", .json(200, #"{"id":7} {}"#)),
    ("an answer of more than 256 KiB", .json(200, String(repeating: " ", count: 300_000) + #"{"id":7}"#)),
    ("cannot be used", .bytes(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))),
    ("no answer of a registry", .json(204, "")),
    ("sends its clients on", .json(302, "")),
    ("HTTP 404", .json(404, "not found")),
    ("HTTP 418", .json(418, #"{"message":"a \u001b[31m teapot"}"#)),
  ])
  func whatIsNoAnswerOfARegistryIsRefused(words: String, reply: RegistryPeer.Reply) {
    let peer = RegistryPeer { _, _ in reply }
    expectFailure(words, peer.url) {
      do { return try ask(peer.url) } catch RegistryError.refused(let reason) {
        #expect(!reason.contains("\u{1b}"))
        throw RegistryError.refused(reason)
      }
    }
    #expect(peer.requests.count == 1)
  }

  @Test func plainTextWhereTLSIsExpectedIsRefused() {
    let peer = RegistryPeer { _, _ in .json(200, #"{"id":7}"#) }
    expectFailure("cannot be used") { try ask("https://127.0.0.1:\(peer.port)") }
  }
}
