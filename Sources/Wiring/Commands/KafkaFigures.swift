// The figures of `millrace bench` that need a Kafka cluster: fill, consume.

import Codecs
import Core
import Events
import Foundation
import Log
import LogKafka

/// The synthetic market on `prices.ticks` of a cluster, and how fast it is read back.
struct KafkaFigures {
  private let arguments: Arguments
  private let settings: Topology.KafkaSection
  private let clock = SystemClock()

  init(_ arguments: Arguments) throws {
    self.arguments = arguments
    guard let section = try CopyEnd(try arguments.required("log")).topology.log.kafka else {
      throw CommandFailure(code: .usage, message: "--log must be kafka:HOST:PORT")
    }
    settings = section
  }

  /// Appends the ticks to the topic, which is made.
  func fill() throws -> ExitCode {
    let ticks = try arguments.number("ticks", default: 2_000_000)
    let log = try KafkaLog.open(settings, readsHeaders: false)
    defer { log.close() }
    try log.createTopic(TopicSettings(name: Topic.ticks.name))
    let partition = try log.partition(Topic.ticks.name, 0)
    let start = clock.monotonicNanos()
    BenchMarket.play(ticks, into: try TickProducer(log: log, partitions: 1, clock: clock))
    try partition.sync()
    let nanos = clock.monotonicNanos() - start
    Console.print("{\"ticksPerSecond\":\(Int64(ticks) * 1_000_000_000 / nanos)}\n")
    return .success
  }

  /// Reads all records through the port, as a fold does, up to their times, keys and values.
  func consume() throws -> ExitCode {
    let log = try KafkaLog.open(settings, readsHeaders: false)
    defer { log.close() }
    let partition = try log.partition(Topic.ticks.name, 0)
    let start = clock.monotonicNanos()
    let startMicros = processorMicros()
    var buffer = ByteWriter(capacity: 1 << 20)
    var reader = RecordBatchReader()
    var records: Int64 = 0
    var bytes: Int64 = 0
    var sum: UInt64 = 0
    var offset = partition.startOffset
    while try partition.read(from: offset, maxBytes: Self.stepBytes, into: &buffer) {
      var place = 0
      while place < buffer.count {
        let header = try reader.open(buffer.bytes.extracting(place..<buffer.count), verifyingChecksum: false)
        try reader.forEachRecord { record throws(CodecError) in
          records += 1
          bytes += Int64(record.key.byteCount + record.value.byteCount)
          sum &+=
            UInt64(bitPattern: record.timestampMillis) &+ Self.lastByte(of: record.key)
            &+ Self.lastByte(of: record.value)
        }
        place += header.byteCount
        offset = header.lastOffset + 1
      }
      buffer.removeAll()
    }
    let micros = processorMicros() - startMicros
    let nanos = clock.monotonicNanos() - start
    Console.print(
      "{\"records\":\(records),\"bytes\":\(bytes),\"sum\":\(sum),"
        + "\"recordsPerSecond\":\(records * 1_000_000_000 / max(1, nanos)),"
        + "\"recordsPerCPUSecond\":\(records * 1_000_000 / max(1, micros))}\n")
    return .success
  }

  /// 0 where there is none.
  private static func lastByte(of bytes: RawSpan) -> UInt64 {
    bytes.isEmpty ? 0 : UInt64(unsafe bytes.unsafeLoad(fromByteOffset: bytes.byteCount - 1, as: UInt8.self))
  }

  /// What a task of the fold engine reads at once.
  private static let stepBytes = 256 << 10

  /// Processor time of all threads of this process.
  private func processorMicros() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
