// Clients that take too much: time, connections, headers.

import Core
import Glibc
import Testing

@testable import Web

@Suite struct HTTPLimitTests {
  private func start(_ change: (inout HTTPDaemon.Settings) -> Void) throws -> (HTTPDaemon, UInt16) {
    var settings = HTTPDaemon.Settings()
    change(&settings)
    let daemon = HTTPDaemon(
      settings: settings, handler: HTTPHandler(respond: { _ in .respond(HTTPResponse(body: .bytes([0x6f, 0x6b]))) }))
    return (daemon, try daemon.start())
  }

  /// Trickles one byte after another; returns whether the server cut the connection.
  private func isCut(_ client: HTTPTestClient, _ bytes: String, within nanos: Int64) -> Bool {
    let start = SystemClock().monotonicNanos()
    while SystemClock().monotonicNanos() - start < nanos {
      guard client.isSilent(millis: 10), (try? client.send(bytes)) != nil else { return true }
    }
    return false
  }

  @Test(arguments: [
    ("", "G"), ("GET / HTTP/1.1\r\nHost: x\r\nA: ", "b"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "b"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nb\r\n"),
  ])
  func aRequestThatTricklesIsCut(head: String, bytes: String) throws {
    let (daemon, port) = try start {
      $0.requestNanosMax = 200_000_000
      $0.sweepNanos = 20_000_000
    }
    defer { daemon.stop(deadlineNanos: 0) }
    let client = try HTTPTestClient(port: port)
    try client.send(head)
    #expect(isCut(client, bytes, within: 5_000_000_000))
    // Those who are done with their request are left alone.
    let patient = try HTTPTestClient(port: port)
    #expect(try patient.get("/").text == "ok")
    #expect(patient.isSilent(millis: 500))
    #expect(try patient.get("/").text == "ok")
  }

  @Test func oneAddressHasOnlySoManyConnections() throws {
    let (daemon, port) = try start { $0.connectionsPerAddressMax = 4 }
    defer { daemon.stop(deadlineNanos: 0) }
    let clients = try (0..<4).map { _ in try HTTPTestClient(port: port) }
    for client in clients { #expect(try client.get("/").text == "ok") }
    let fifth = try HTTPTestClient(port: port)
    #expect(throws: (any Error).self) { try fifth.get("/") }
    for client in clients { #expect(try client.get("/").text == "ok") }
  }

  @Test func headersAreBounded() throws {
    let (daemon, port) = try start { _ in }
    defer { daemon.stop(deadlineNanos: 0) }
    let few = (0..<60).map { "X-\($0): a" }
    #expect(try HTTPTestClient(port: port).get("/", headers: few).status == 200)
    let many = (0..<80).map { "X-\($0): a" }
    #expect(try HTTPTestClient(port: port).get("/", headers: many).status == 431)
    let long = "X: " + String(repeating: "a", count: Limits.httpConnectionBytes)
    let status = try? HTTPTestClient(port: port).get("/", headers: [long]).status
    #expect(status == nil || status == 431 || status == 413)
    let target = "/" + String(repeating: "a", count: Limits.httpConnectionBytes)
    let targetStatus = try? HTTPTestClient(port: port).get(target).status
    #expect(targetStatus == nil || targetStatus == 414 || targetStatus == 431)
  }

  @Test func anAddressThatCannotBeServedIsAnError() throws {
    let (daemon, port) = try start { _ in }
    defer { daemon.stop(deadlineNanos: 0) }
    #expect(throws: HTTPDaemonError.cannotListen(host: "127.0.0.1", port: port, code: EADDRINUSE)) {
      _ = try start { $0.port = port }
    }
    #expect(throws: HTTPDaemonError.badAddress("nowhere.example")) { _ = try start { $0.host = "nowhere.example" } }
  }

  @Test func versionSixIsServedToo() throws {
    let (daemon, _) = try start { $0.host = "::1" }
    daemon.stop(deadlineNanos: 0)
  }
}
