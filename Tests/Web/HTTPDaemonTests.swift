// The daemon alone: bodies, limits, deferred answers, pulled bodies, upgrades, shutdown.

import Core
import Glibc
import Synchronization
import Testing

@testable import Web

/// A daemon with a handler that lives as long as the test.
private final class Server {
  let daemon: HTTPDaemon
  let port: UInt16

  init(_ respond: @escaping @Sendable (HTTPRequest) -> HTTPOutcome) throws {
    daemon = HTTPDaemon(settings: .init(), handler: HTTPHandler(respond: respond))
    port = try daemon.start()
  }

  deinit { daemon.stop(deadlineNanos: 0) }
}

private func echo(_ request: HTTPRequest) -> HTTPOutcome {
  let path = request.path.joined(separator: "|")
  let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
  return .respond(HTTPResponse(body: .bytes(Array("\(request.method) \(path) \(query) \(request.body.count)".utf8))))
}

@Suite struct HTTPDaemonTests {
  @Test func targetsAreDecodedOnce() throws {
    let server = try Server(echo)
    let client = try HTTPTestClient(port: server.port)
    #expect(try client.get("/v1/BTC%2FUSD?a=1%262&t=+x&b").text == "GET v1|BTC/USD a=1&2&t=+x&b= 0")
    #expect(try client.get("/a%252Fb/").text == "GET a%2Fb  0")
    for bad in ["/%", "/%4", "/%zz", "/%ff", "/%00", "/?a=1&a=2"] {
      let client = try HTTPTestClient(port: server.port)
      #expect(try client.get(bad).status == 400, "\(bad)")
    }
  }

  @Test func aConnectionServesManyRequestsAndPipelines() throws {
    let server = try Server(echo)
    let client = try HTTPTestClient(port: server.port)
    for index in 0..<100 { #expect(try client.post("/\(index)", "abc").text == "POST \(index)  3") }
    let one = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    try client.send(one + one + one)
    for _ in 0..<3 { #expect(try client.receive().text == "POST p  2") }
  }

  @Test func aBodyMayBeExactlyTheLimit() throws {
    let server = try Server(echo)
    let client = try HTTPTestClient(port: server.port)
    let body = [UInt8](repeating: 0x61, count: Limits.httpBodyBytesMax)
    #expect(try client.request("POST", "/", body: body).text == "POST   \(body.count)")
    // Refused by its head alone: whoever goes on sending may find the connection closed before it reads why.
    try client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count + 1)\r\n\r\n")
    #expect(try client.receive().status == 413)
  }

  @Test func anOversizedChunkedBodyIsRefusedAndAnEndlessOneCut() throws {
    let server = try Server(echo)
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    let chunk = "10000\r\n" + String(repeating: "a", count: 0x10000) + "\r\n"
    let polite = try HTTPTestClient(port: server.port)
    try polite.send(head)
    for _ in 0..<20 { try polite.send(chunk) }
    try polite.send("0\r\n\r\n")
    let answer = try polite.receive()
    #expect(answer.status == 413)
    #expect(answer.header("Content-Type") == "application/problem+json")
    let endless = try HTTPTestClient(port: server.port)
    try endless.send(head)
    #expect(throws: HTTPTestClient.Failure.self) { for _ in 0..<10_000 { try endless.send(chunk) } }
  }

  @Test func deferredAnswersComeFromAnotherThreadAndOnlyOnce() throws {
    let server = try Server { request in
      .later { reply in
        _ = NamedThread("answer") {
          reply.send(HTTPResponse(body: .bytes(request.body)))
          reply.send(HTTPResponse(status: 500))
        }
      }
    }
    let client = try HTTPTestClient(port: server.port)
    for index in 0..<200 { #expect(try client.post("/", "\(index)").text == "\(index)") }
  }

  @Test func aPulledBodyIsSentWholeAcrossWaits() throws {
    let server = try Server { _ in
      let sent = Mutex((count: 0, isPaused: false))
      return .respond(
        HTTPResponse(
          body: .pulled { output, _ in
            sent.withLock { sent in
              if sent.count == 300_000 { return .end }
              sent.isPaused.toggle()
              if sent.isPaused { return .wait(untilNanos: SystemClock().monotonicNanos() + 100_000) }
              while output.freeCapacity > 0, sent.count < 300_000 {
                output.append(UInt8(truncatingIfNeeded: sent.count % 251))
                sent.count += 1
              }
              return .more
            }
          }))
    }
    let response = try HTTPTestClient(port: server.port).get("/")
    #expect(response.isComplete)
    #expect(response.body == (0..<300_000).map { UInt8(truncatingIfNeeded: $0 % 251) })
  }

  @Test func aBodyThatFailsIsCutSoThatTheClientSeesIt() throws {
    let server = try Server { _ in
      let count = Mutex(0)
      return .respond(
        HTTPResponse(
          body: .pulled { output, _ in
            count.withLock { count in
              count += 1
              if count > 1 { return .failed }
              output.append(UInt8(ascii: "x"))
              return .more
            }
          }))
    }
    let response = try HTTPTestClient(port: server.port).get("/")
    #expect(!response.isComplete)
    #expect(response.text == "x")
  }

  @Test func anUpgradedSocketLivesOnWithoutTheDaemon() throws {
    let server = try Server { _ in
      .respond(
        HTTPResponse(
          status: 101, headers: [("Upgrade", "echo")],
          body: .upgrade { descriptor, initialBytes in
            var reply = Array("+".utf8) + initialBytes
            _ = reply.withUnsafeMutableBytes { write(descriptor, $0.baseAddress, $0.count) }
            _ = NamedThread("echo") {
              var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
              poll(&ready, 1, 5000)
              var bytes = [UInt8](repeating: 0, count: 100)
              let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
              _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, max(count, 0)) }
              close(descriptor)
            }
          }))
    }
    for _ in 0..<50 {
      let client = try HTTPTestClient(port: server.port)
      try client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly")
      #expect(try client.receive().status == 101)
      #expect(try client.receiveRaw(6) == Array("+early".utf8))
      try client.send("later")
      #expect(try client.receiveUntilClosed() == Array("later".utf8))
    }
    let deadline = SystemClock().monotonicNanos() + 5_000_000_000
    while server.daemon.connectionCount > 0, SystemClock().monotonicNanos() < deadline { sched_yield() }
    #expect(server.daemon.connectionCount == 0)
  }

  @Test func stoppingAnswersWhatWaitsAndReturnsInTime() throws {
    let held = Mutex<[HTTPReply]>([])
    let server = try Server { _ in .later { reply in held.withLock { $0.append(reply) } } }
    let clients = try (0..<10).map { _ in try HTTPTestClient(port: server.port) }
    for client in clients { try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }
    while held.withLock({ $0.count }) < 10 { sched_yield() }
    let start = SystemClock().monotonicNanos()
    server.daemon.stop(deadlineNanos: 50_000_000)
    #expect(SystemClock().monotonicNanos() - start < 2_000_000_000)
    // Too late: nothing may happen.
    for reply in held.withLock({ $0 }) { reply.send(HTTPResponse()) }
    #expect(throws: (any Error).self) { _ = try HTTPTestClient(port: server.port).get("/") }
  }

  /// Whoever connects at that moment is turned away or answered; the process goes on.
  @Test func stopsWhileClientsConnect() throws {
    for _ in 0..<100 {
      let server = try Server { _ in .respond(HTTPResponse()) }
      let port = server.port
      let clients = NamedThread("clients") {
        for _ in 0..<4 { _ = try? HTTPTestClient(port: port).get("/") }
      }
      server.daemon.stop(deadlineNanos: 0)
      clients.join()
      #expect(server.daemon.connectionCount == 0)
    }
  }
}
