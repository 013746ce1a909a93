// Wake-ups and readiness of the reactor, over a socket pair.

import Glibc
import Testing

@testable import Core

@Test func reactorWakesOncePerBurst() throws {
  let reactor = try Reactor()
  reactor.wake()
  reactor.wake()
  #expect(reactor.wait(timeoutNanos: 0) { _, _ in })
  #expect(!reactor.wait(timeoutNanos: 0) { _, _ in })
  reactor.wake()
  #expect(reactor.wait(timeoutNanos: 0) { _, _ in })
}

@Test func reactorReportsReadinessAndSocketsReadAndWrite() throws {
  var pair: [Int32] = [0, 0]
  #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
  let reactor = try Reactor()
  let near = Socket(taking: pair[0], unsentBytesMax: 1024)
  let far = Socket(taking: pair[1], unsentBytesMax: 1024)
  try reactor.add(near.descriptor, token: 7, interest: .readable)
  var seen: [UInt64] = []
  reactor.wait(timeoutNanos: 0) { token, _ in seen.append(token) }
  #expect(seen == [])

  let bytes: [UInt8] = [1, 2, 3]
  var list = WriteList(capacity: 2)
  bytes.withUnsafeBytes { source in
    guard let base = source.baseAddress else { return }
    list.append(base, count: 3)
    list.append(base + 1, count: 2)
    #expect(far.write(list) == .bytes(5))
  }
  reactor.wait(timeoutNanos: 0) { token, ready in
    #expect(ready == .readable)
    seen.append(token)
  }
  #expect(seen == [7])
  var received = [UInt8](repeating: 0, count: 8)
  let result = received.withUnsafeMutableBytes { near.read(into: $0) }
  #expect(result == .bytes(5))
  #expect(received == [1, 2, 3, 2, 3, 0, 0, 0])
  let nothing = received.withUnsafeMutableBytes { near.read(into: $0) }
  #expect(nothing == .wouldBlock)
}
