// `millrace log export`: a topic as lines of JSON, or as the batches that it is stored in.

import Codecs
import Core
import Foundation
import Glibc
import Log

extension Command {
  static let logExport = Command(
    name: "log export", summary: "write a topic's records to a file or stdout, to be imported elsewhere",
    positional: ["TOPIC"],
    options: topologyOptions + [
      Option(name: "partition", value: "N", help: "only this partition (default: all; raw needs one)"),
      Option(name: "format", value: "FORMAT", help: "ndjson (default) or raw: Kafka record batches as they are stored"),
      Option(name: "output", value: "FILE", help: "where to; must not exist (default: stdout)"),
    ],
    details: """
      Takes what is there when it begins; works beside a running `millrace run`. Offsets, timestamps, keys, values
      (base64, in the topic's encoding) and headers are kept, and where compaction left gaps, those. A file has its name
      only once it is whole.

      example:
        millrace log export prices.ticks.v1 --output ticks.ndjson
      """
  ) { arguments in
    let isRaw = try arguments.isRawFormat()
    let only = try LogToolTarget.partition(arguments)
    return try withEmbedded(try Topology.loadEmbedded(arguments).log.directory) { log in
      guard let settings = log.topics().first(where: { $0.name == arguments.positional[0] }) else {
        throw CommandFailure(.unknownTopic(arguments.positional[0]))
      }
      let indexes = only.map { [$0] } ?? Array(0..<settings.partitions)
      if isRaw, indexes.count > 1 {
        throw CommandFailure(code: .usage, message: "--format raw: choose one of \(indexes.count) with --partition")
      }
      var export = try LogExport(log, settings, indexes, isRaw: isRaw, output: arguments["output"])
      return try export.run()
    }
  }
}

extension Arguments {
  func isRawFormat() throws -> Bool {
    switch self["format"] ?? "ndjson" {
    case "ndjson": return false
    case "raw": return true
    case let other: throw CommandFailure(code: .usage, message: "--format \(other): it must be ndjson or raw")
    }
  }
}

/// One export on its way.
private struct LogExport: ~Copyable {
  private let settings: TopicSettings
  private let partitions: [(partition: EmbeddedPartition, end: Int64)]
  private let isRaw: Bool
  private let output: String?
  private let descriptor: Int32
  private let clock = SystemClock()
  private var progress: ProgressLine
  private var done: Int64 = 0
  private var buffer = ByteWriter(capacity: 2 << 20)
  private var lines = ByteWriter(capacity: 1 << 20)
  private var reader = RecordBatchReader()

  init(_ log: EmbeddedLog, _ settings: TopicSettings, _ indexes: [Int], isRaw: Bool, output: String?) throws {
    var all: [(EmbeddedPartition, Int64)] = []
    do throws(LogError) {
      for index in indexes {
        let partition = try log.partition(settings.name, index)
        all.append((partition, partition.highWatermark))
      }
    } catch { throw CommandFailure(error) }
    let descriptor = try output.map(Self.create) ?? 1
    self.settings = settings
    self.isRaw = isRaw
    self.output = output
    self.descriptor = descriptor
    partitions = all
    progress = ProgressLine(label: "exported", unit: "records", nowNanos: SystemClock().monotonicNanos())
  }

  private static func create(_ path: String) throws -> Int32 {
    guard !FileManager.default.fileExists(atPath: path) else {
      throw CommandFailure(code: .inputOutput, message: "\(path) exists; choose another with --output")
    }
    let descriptor = unsafe Glibc.creat(path + ".part", 0o644)
    guard descriptor >= 0 else {
      throw CommandFailure(code: .inputOutput, message: "cannot write \(path): error \(errno)")
    }
    return descriptor
  }

  mutating func run() throws -> ExitCode {
    do {
      for (partition, end) in partitions {
        guard try run(partition, end) else { break }
      }
      try finish()
    } catch {
      progress.clear()
      if let output { _ = unsafe unlink(output + ".part") }
      throw error
    }
    progress.clear()
    return .success
  }

  /// False once nobody reads stdout any more.
  private mutating func run(_ partition: EmbeddedPartition, _ end: Int64) throws -> Bool {
    let total = partitions.reduce(0) { $0 + $1.end - $1.partition.startOffset }
    var offset = partition.startOffset
    if !isRaw {
      let line = PartitionLine(
        topic: settings.name, partition: partition.index, partitions: settings.partitions,
        isDerived: settings.isDerived,
        startOffset: offset, endOffset: end)
      line.append(to: &lines)
    }
    var accounted = offset
    while offset < end {
      buffer.removeAll()
      do throws(LogError) {
        guard try partition.read(from: offset, maxBytes: 1 << 20, into: &buffer) else { break }
      } catch { throw CommandFailure(error) }
      let start = offset
      do throws(CodecError) {
        offset = try Self.take(buffer, from: offset, to: end, &accounted, isRaw: isRaw, &reader, into: &lines)
      } catch {
        throw CommandFailure(code: .badData, message: "\(settings.name)-\(partition.index) after \(start): \(error)")
      }
      done += offset - start
      guard try flush() else { return false }
      progress.update(done: done, total: total, nowNanos: clock.monotonicNanos())
    }
    if !isRaw { GapLine.append(from: accounted, to: end, to: &lines) }
    return try flush()
  }

  /// Renders what was read; returns the next offset. The lines tell of all offsets below `accounted`.
  private static func take(
    _ buffer: borrowing ByteWriter, from start: Int64, to end: Int64, _ accounted: inout Int64, isRaw: Bool,
    _ reader: inout RecordBatchReader, into lines: inout ByteWriter
  ) throws(CodecError) -> Int64 {
    var place = 0
    var next = start
    while place < buffer.count, next < end {
      let bytes = buffer.bytes.extracting(place..<buffer.count)
      let header = try reader.open(bytes, verifyingChecksum: false)
      if isRaw {
        lines.append(bytes.extracting(0..<header.byteCount))
      } else {
        var cursor = reader.records
        while try cursor.advance() {
          guard cursor.offset >= start, cursor.offset < end else { continue }
          GapLine.append(from: accounted, to: cursor.offset, to: &lines)
          try cursor.appendLine(to: &lines)
          accounted = cursor.offset + 1
        }
      }
      place += header.byteCount
      next = header.lastOffset + 1
    }
    return next
  }

  private mutating func flush() throws -> Bool {
    let isWritten = Self.write(lines, to: descriptor)
    lines.removeAll()
    if !isWritten, let output {
      throw CommandFailure(code: .inputOutput, message: "cannot write \(output): error \(errno)")
    }
    return isWritten
  }

  private static func write(_ lines: borrowing ByteWriter, to descriptor: Int32) -> Bool {
    unsafe lines.bytes.withUnsafeBytes { unsafe Console.write($0, to: descriptor) }
  }

  private func finish() throws {
    guard let output else { return }
    guard fsync(descriptor) == 0, Glibc.close(descriptor) == 0, unsafe rename(output + ".part", output) == 0 else {
      throw CommandFailure(code: .inputOutput, message: "cannot write \(output): error \(errno)")
    }
  }
}
