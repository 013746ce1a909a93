// The fan-out alone, measured: no log, no rendering, only the reactor and its clients.

internal import Codecs
internal import Core
internal import Events
internal import Glibc
internal import Log
internal import Synchronization

/// Serves `clients` sockets from one reactor: the same frames to all of them, a flush of `messages` at a time, as fast
/// as they are taken. Its twin is `Tests/Perf/twins/fanout.c`.
package enum FanOutBench {
  /// What was sent, by whom and how fast.
  package struct Result: Sendable {
    package var seconds: Double
    /// Of the whole process, while sending.
    package var cpuSeconds: Double
    package var deliveries: Int
    package var writes: Int
    package var blockedWrites: Int
  }

  /// Waits for the clients on 127.0.0.1, then sends until `isStopping`. Any upgrade request is answered.
  package static func run(
    port: UInt16, clients: Int, messages: Int, payloadBytes: Int, isStopping: @escaping @Sendable () -> Bool
  ) throws -> Result {
    var settings = StreamSettings()
    settings.reactors = 1
    settings.flushIntervalNanos = 0
    settings.ringBytesMax = 64 << 20
    let log = BenchLog()
    let metrics = StreamMetrics(Metrics())
    let catalog = try StreamCatalog(
      log: log, definitions: [StreamDefinition(.ticks)], ringBytesMax: settings.ringBytesMax, metrics: metrics)
    catalog.isReady.store(true, ordering: .releasing)
    let pool = try ReplayPool(catalog, workers: 1)
    pool.start()
    let mailbox = try StreamReactor()
    let thread = NamedThread("stream-0") { [settings] in
      StreamLoop(catalog: catalog, mailbox: mailbox, pool: pool, clock: SystemClock(), settings: settings).run()
    }
    defer {
      mailbox.post(.stop(deadlineNanos: 0))
      thread.join()
      pool.stop()
    }
    try accept(clients, port: port, into: mailbox, isStopping)
    while metrics.subscriptions.value < clients, !isStopping() { usleep(1_000) }
    usleep(200_000)
    return publish(
      messages, payloadBytes: payloadBytes, clients: clients, catalog.partitions[0][0].ring, metrics, mailbox,
      isStopping)
  }

  /// Publishes the next flush while the one before is being sent, so that the reactor never waits for it. Looks
  /// seldom, some times per flush, because it runs on the reactor's core.
  private static func publish(
    _ messages: Int, payloadBytes: Int, clients: Int, _ ring: FrameRing, _ metrics: StreamMetrics,
    _ mailbox: StreamReactor, _ isStopping: () -> Bool
  ) -> Result {
    let clock = SystemClock()
    let began = clock.monotonicNanos()
    let cpuBefore = cpuSeconds()
    let payload = [UInt8](repeating: UInt8(ascii: "x"), count: payloadBytes)
    var block = FrameBlock()
    var offset: Int64 = 0
    var result = Result(seconds: 0, cpuSeconds: 0, deliveries: 0, writes: 0, blockedWrites: 0)
    while !isStopping() {
      if mailbox.isGrowthPending {
        usleep(UInt32(clamping: max(100, 2 * clients)))
        continue
      }
      // A flush begins: all before it is sent. Once a client is gone an ending is paid for, which is not measured.
      if metrics.subscriptions.value == clients {
        result = Result(
          seconds: Double(clock.monotonicNanos() - began) / 1e9, cpuSeconds: cpuSeconds() - cpuBefore,
          deliveries: Int(metrics.frames.value), writes: Int(metrics.writes.value),
          blockedWrites: Int(metrics.wouldBlock.value))
      }
      var update = RingUpdate()
      for _ in 0..<messages {
        if !block.append(unsafe payload.span.bytes, offset: offset, eventTimeMillis: 0, key: 0) {
          if !block.isEmpty { update.runs.append(block.written) }
          block = FrameBlock()
          _ = block.append(unsafe payload.span.bytes, offset: offset, eventTimeMillis: 0, key: 0)
        }
        offset += 1
      }
      update.runs.append(block.written)
      update.end = offset
      ring.publish(update)
      mailbox.ringsGrew()
    }
    return result
  }

  private static func cpuSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func accept(
    _ clients: Int, port: UInt16, into mailbox: StreamReactor, _ isStopping: () -> Bool
  ) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var one: Int32 = 1
    unsafe setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, listen(listener, 4_096) == 0 else { throw StreamServerError.listening(errno) }
    defer { close(listener) }
    let subscribe = #"{"type":"subscribe","id":"a","stream":"prices.ticks","keys":"*","from":{"pos":"0:-1"}}"#
    let message = maskedText(subscribe)
    let answer = Array(
      ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n").utf8)
    for _ in 0..<clients where !isStopping() {
      let descriptor = Glibc.accept(listener, nil, nil)
      guard descriptor >= 0 else { continue }
      var request = [UInt8](repeating: 0, count: 4_096)
      _ = unsafe recv(descriptor, &request, request.count, 0)
      _ = unsafe send(descriptor, answer, answer.count, Int32(MSG_NOSIGNAL))
      mailbox.post(.adopt(descriptor: descriptor, initialBytes: message))
    }
  }

  /// A client's text frame with a mask of zeros, which leaves the payload as it is.
  private static func maskedText(_ text: String) -> [UInt8] {
    [0x81, 0x80 | UInt8(truncatingIfNeeded: text.utf8.count), 0, 0, 0, 0] + Array(text.utf8)
  }
}

/// A log with one topic, nothing to read, and every position valid.
private final class BenchLog: EventLog {
  final class Partition: PartitionLog {
    let topic = Topic.ticks.name
    let index = 0
    let epoch: UInt32 = 0
    let startOffset: Int64 = 0
    let highWatermark = Int64.max
    func append(_ batch: EncodedBatch, completion: AppendCompletion?) throws(LogError) { throw .closed }
    func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool { false }
    func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64 { 0 }
    func sync() throws(LogError) {}
    func truncate(to offset: Int64) throws(LogError) {}
    func reset() throws(LogError) {}
  }

  private let only = Partition()
  let generation: UInt64 = 0
  func createTopic(_ settings: TopicSettings) throws(LogError) {}
  func topics() -> [TopicSettings] { [TopicSettings(name: Topic.ticks.name)] }
  func partition(_ topic: String, _ index: Int) throws(LogError) -> Partition { only }
  func waitForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64 { 0 }
  func close() {}
}
