// Requests that two readers could understand differently: refused, and the connection ends.

import Glibc
import Synchronization
import Testing

@testable import Web

@Suite struct HTTPSmugglingTests {
  /// Each is followed by a request that must never be answered as one of its own.
  @Test(arguments: [
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\nB: d\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n \r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nTransfer-\r\n Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
  ])
  func ambiguousRequestsEndTheConnection(request: String) throws {
    let seen = Mutex<[String]>([])
    let daemon = HTTPDaemon(
      settings: .init(),
      handler: HTTPHandler(respond: { request in
        seen.withLock { $0.append(request.path.first ?? "") }
        return .respond(HTTPResponse(body: .bytes(Array("fine".utf8))))
      }))
    let port = try daemon.start()
    defer { daemon.stop(deadlineNanos: 0) }
    let client = try HTTPTestClient(port: port)
    try client.send(request + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    let answer = (try? client.receiveUntilClosed()) ?? []
    let text = String(decoding: answer, as: UTF8.self)
    #expect(!text.contains("HTTP/1.1 200"), "\(request.debugDescription) got \(text.debugDescription)")
    #expect(seen.withLock { !$0.contains("smuggled") })
  }

  @Test func aFoldedHeaderIsToldAndOrdinaryOnesAreNot() throws {
    let daemon = HTTPDaemon(
      settings: .init(), handler: HTTPHandler(respond: { _ in .respond(HTTPResponse(body: .bytes([0x6f, 0x6b]))) }))
    let port = try daemon.start()
    defer { daemon.stop(deadlineNanos: 0) }
    let folded = try HTTPTestClient(port: port)
    try folded.send("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n  folded\r\n\r\n")
    #expect(try folded.receive().status == 400)
    let ordinary = try HTTPTestClient(port: port)
    let padded = (0..<40).map { "H\($0):\(String(repeating: " ", count: $0))value  " }
    for count in 0..<40 { #expect(try ordinary.get("/", headers: ["Empty:"] + padded.prefix(count)).status == 200) }
    // As it comes in pieces, the library's buffer grows.
    let slow = try HTTPTestClient(port: port)
    for byte in "GET / HTTP/1.1\r\nHost: x\r\nA:b\r\nC: \(String(repeating: "d", count: 900))\r\n\r\n".utf8 {
      try slow.send([byte])
    }
    #expect(try slow.receive().status == 200)
  }
}
