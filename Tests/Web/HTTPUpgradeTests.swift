// The WebSocket handshake.

import Glibc
import Synchronization
import Testing

@testable import Web

@Suite struct HTTPUpgradeTests {
  private final class Adopted: Sendable {
    let sockets = Mutex<[(descriptor: Int32, bytes: [UInt8])]>([])
  }

  private func edge(_ adopted: Adopted, origins: [String] = []) throws -> EdgeFixture {
    try EdgeFixture(configure: { configuration in
      configuration.allowedOrigins = origins
      configuration.adopt = { descriptor, bytes in adopted.sockets.withLock { $0.append((descriptor, bytes)) } }
    })
  }

  private let good = [
    "Connection: keep-alive, Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]

  private func replacing(_ prefix: String, with header: String?) -> [String] {
    good.filter { !$0.hasPrefix(prefix) } + (header.map { [$0] } ?? [])
  }

  @Test func aGoodHandshakeHandsTheSocketOver() throws {
    let adopted = Adopted()
    let edge = try edge(adopted)
    let client = try edge.client()
    let head = (["GET /v1/stream HTTP/1.1", "Host: x"] + good + ["Sec-WebSocket-Protocol: other, millrace.v1"])
    try client.send(head.joined(separator: "\r\n") + "\r\n\r\nfirst")
    let response = try client.receive()
    #expect(response.status == 101)
    #expect(response.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    #expect(response.header("Sec-WebSocket-Protocol") == "millrace.v1")
    #expect(response.header("Upgrade")?.lowercased() == "websocket")
    #expect(response.header("Connection")?.lowercased().contains("upgrade") == true)
    while adopted.sockets.withLock({ $0.isEmpty }) { usleep(100) }
    let (descriptor, bytes) = adopted.sockets.withLock { $0[0] }
    #expect(bytes == Array("first".utf8))
    _ = "hello".withCString { write(descriptor, $0, 5) }
    #expect(try client.receiveRaw(5) == Array("hello".utf8))
    close(descriptor)
    #expect(try client.receiveUntilClosed().isEmpty)
  }

  @Test func theSubprotocolIsOptional() throws {
    let edge = try edge(Adopted())
    let response = try edge.client().get("/v1/stream", headers: good)
    #expect(response.status == 101)
    #expect(response.header("Sec-WebSocket-Protocol") == nil)
  }

  @Test func badHandshakesAreRefusedWithAReason() throws {
    let adopted = Adopted()
    let edge = try edge(adopted, origins: ["https://prices.example"])
    for (headers, status, header) in [
      ([], 426, "Upgrade"), (replacing("Upgrade", with: nil), 426, "Upgrade"),
      (replacing("Connection", with: "Connection: close"), 426, "Upgrade"),
      (replacing("Sec-WebSocket-Version", with: "Sec-WebSocket-Version: 8"), 426, "Sec-WebSocket-Version"),
      (replacing("Sec-WebSocket-Version", with: nil), 426, "Sec-WebSocket-Version"),
      (replacing("Sec-WebSocket-Key", with: nil), 400, nil),
      (replacing("Sec-WebSocket-Key", with: "Sec-WebSocket-Key: short"), 400, nil),
      (good + ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 400, nil),
      (good + ["Sec-WebSocket-Protocol: other"], 400, nil), (good + ["Origin: https://evil.example"], 403, nil),
      (good + ["Origin: null"], 403, nil), (good + ["Origin: http://127.0.0.1.evil.example"], 403, nil),
    ] as [([String], Int, String?)] {
      let response = try edge.client().get("/v1/stream", headers: headers)
      #expect(response.status == status, "\(headers): \(response.text)")
      if let header { #expect(response.header(header) != nil, "\(headers)") }
    }
    #expect(adopted.sockets.withLock { $0.isEmpty })
    for origin in ["https://prices.example", "http://127.0.0.1", "HTTPS://PRICES.EXAMPLE"] {
      #expect(try edge.client().get("/v1/stream", headers: good + ["Origin: \(origin)"]).status == 101, "\(origin)")
    }
  }
}
