// One place in one partition: what the port cannot show of how it is fetched.

import CKafka
import Codecs
import Core
import Glibc
import Log
import PortKit
import Testing

@testable import LogKafka

@Suite struct FetchCursorTests {
  /// What librdkafka before 2.2 sleeps once enough was fetched ahead; nobody can shorten it, nor see it but by time.
  private static let sleepNanos: Int64 = 1_000_000_000

  /// Slow readers once stood still for most of each such second. One round in time will do, since the machine may be
  /// busy: without the cursor's help every round takes what is left of the second.
  @Test(.enabled(if: rd_kafka_version() < 0x0202_0000, "fetch.queue.backoff.ms says how long a newer one sleeps"))
  func fetchesOnBeforeALibraryThatSleepsWouldWakeByItself() throws {
    let mock = MockCluster()
    let log = try mock.open()
    defer { log.close() }
    let writer = try log.partition(MockCluster.topic, 0)
    let values = (0..<10_000).map { "\($0 % 10)" }
    let total = Limits.Kafka.cursorMessagesMax * 3
    for _ in 0..<total / values.count { try writer.append(makeBatch(values), completion: nil) }
    try writer.sync()
    let handles = ConsumerHandles(log.configuration, logger: .silent)
    defer { handles.destroy() }
    let isInTime = try (0..<20).contains { _ in
      let cursor = try FetchCursor(handles.topic(MockCluster.topic, place: 0), index: 0, readsHeaders: false)
      return try refillNanos(cursor) < Self.sleepNanos / 2
    }
    #expect(isInTime)
  }

  /// How long it takes from when half of what was fetched ahead is used up until there is more.
  private func refillNanos(_ cursor: FetchCursor) throws -> Int64 {
    try cursor.go(to: 0)
    try wait { cursor.messagesAhead >= Limits.Kafka.cursorMessagesMax }
    var buffer = ByteWriter()
    while cursor.messagesAhead > Limits.Kafka.cursorMessagesMax / 2 {
      buffer.removeAll()
      _ = try cursor.read(maxBytes: 1 << 16, into: &buffer) { true }
    }
    buffer.removeAll()
    let ahead = cursor.messagesAhead
    let start = SystemClock().monotonicNanos()
    _ = try cursor.read(maxBytes: 1 << 16, into: &buffer) { true }
    try wait { cursor.messagesAhead > ahead }
    return SystemClock().monotonicNanos() - start
  }

  private struct NeverHappened: Error {}

  private func wait(until isTrue: () -> Bool) throws {
    let deadline = SystemClock().monotonicNanos() + 60_000_000_000
    while !isTrue() {
      guard SystemClock().monotonicNanos() < deadline else { throw NeverHappened() }
      usleep(1000)
    }
  }
}
