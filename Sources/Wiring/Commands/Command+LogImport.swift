// `millrace log import`: makes partitions of an export, whole or not at all.

import Codecs
import Core
import Events
import Foundation
import Log

extension Command {
  static let logImport = Command(
    name: "log import", summary: "make partitions of what `log export` wrote, whole or not at all",
    positional: ["FILE"],
    options: topologyOptions + [
      Option(name: "format", value: "FORMAT", help: "ndjson (default) or raw"),
      Option(name: "topic", value: "TOPIC", help: "raw: the topic, which an ndjson file names itself"),
      Option(name: "partition", value: "N", help: "raw: the partition (default 0)"),
    ],
    details: """
      FILE is - for stdin. Needs the log to itself: stop `millrace run` first. A partition that has records is refused
      and left alone. Offsets, timestamps, keys, values and headers are kept; positions of before are not, as the
      partition has another epoch. What is wrong is named by line (ndjson) or byte (raw), and then nothing is imported.

      example:
        millrace log import ticks.ndjson --data restored
      """
  ) { arguments in
    let isRaw = try arguments.isRawFormat()
    guard isRaw == arguments.has("topic") else {
      throw CommandFailure(code: .usage, message: "--topic is for --format raw, which needs it")
    }
    let topology = try Topology.loadEmbedded(arguments)
    let survey = LogSurvey(directory: topology.log.directory, files: PosixFiles())
    do throws(LogError) { try survey.prepare() } catch { throw CommandFailure(error) }
    let lock: PosixFile
    do throws(LogError) { lock = try LogRepair.lock(survey) } catch { throw CommandFailure(error) }
    return try withExtendedLifetime(lock) {
      var run = try LogImport(survey, topology, path: arguments.positional[0])
      return try isRaw
        ? run.raw(topic: arguments["topic"] ?? "", index: try LogToolTarget.partition(arguments) ?? 0) : run.lines()
    }
  }
}

/// One import on its way: partitions are made in `<data>/import`, and moved to their places when all are whole.
private struct LogImport: ~Copyable {
  private let survey: LogSurvey<PosixFiles>
  private let topology: Topology
  private let staging: String
  private var input: ImportInput
  private var names: [String] = []
  private let clock = SystemClock()
  private var progress: ProgressLine

  init(_ survey: LogSurvey<PosixFiles>, _ topology: Topology, path: String) throws {
    self.survey = survey
    self.topology = topology
    staging = survey.directory + "/import"
    input = try ImportInput(path)
    progress = ProgressLine(label: "imported", unit: "bytes", nowNanos: clock.monotonicNanos())
    // Whatever lies there is of an import that never became whole.
    try? FileManager.default.removeItem(atPath: staging)
  }

  private mutating func showProgress() {
    progress.update(done: input.consumed, total: input.byteCount, nowNanos: clock.monotonicNanos())
  }

  // MARK: Raw

  mutating func raw(topic: String, index: Int) throws -> ExitCode {
    try attempt { run in
      let known = Topic.all.first { $0.name == topic }.map { run.topology.settings(of: $0) }
      let settings = try run.storedSettings(topic) ?? known ?? TopicSettings(name: topic, partitions: index + 1)
      var target = try run.begin(settings, index, startOffset: nil)
      while try run.input.fill(Limits.batchBytesMax) > 0 {
        let byte = run.input.consumed
        do throws(LogError) { run.input.consume(try target.append(run.input.rest)) } catch {
          throw CommandFailure(code: .badData, message: "byte \(byte): \(error.reason)")
        }
        run.showProgress()
      }
      do throws(LogError) { try target.finish() } catch { throw CommandFailure(error) }
    }
  }

  // MARK: NDJSON

  mutating func lines() throws -> ExitCode {
    try attempt { run in
      var number = 0
      guard var line = try run.nextLine(&number) else {
        throw CommandFailure(code: .badData, message: "line 1: there is none")
      }
      while true {
        guard case .partition(let partition) = line else {
          throw CommandFailure(code: .badData, message: "line \(number): a record before its partition's line")
        }
        guard let next = try run.partition(partition, &number) else { return }
        line = next
      }
    }
  }

  /// Takes one partition's records; returns the line behind them.
  private mutating func partition(_ line: PartitionLine, _ number: inout Int) throws -> ExportLine? {
    let settings = try settings(of: line)
    var target = try begin(settings, line.partition, startOffset: line.startOffset)
    var batch = ImportBatch(offset: line.startOffset)
    while batch.offset < line.endOffset {
      let (start, end): (Int64, Int64)
      let following = try nextLine(&number)
      switch following {
      case .record(let record): (start, end) = (record.offset, record.offset + 1)
      case .gap(let gap): (start, end) = (gap.start, gap.end)
      case .partition, nil:
        throw CommandFailure(
          code: .badData, message: "line \(number): offsets \(batch.offset) to \(line.endOffset - 1) are missing")
      }
      guard start == batch.offset, end <= line.endOffset else {
        throw CommandFailure(
          code: .badData, message: "line \(number): offset \(start) where \(batch.offset) must follow")
      }
      do throws(LogError) {
        if !batch.canTake(end) { try batch.flush(to: &target) }
        if case .record(let record) = following { batch.append(record) } else { batch.skip(to: end) }
        if batch.offset == line.endOffset { try batch.flush(to: &target) }
      } catch {
        throw CommandFailure(code: .badData, message: "line \(number): \(error.reason)")
      }
      if batch.isEmpty { showProgress() }
    }
    do throws(LogError) { try target.finish() } catch { throw CommandFailure(error) }
    return try nextLine(&number)
  }

  private mutating func nextLine(_ number: inout Int) throws -> ExportLine? {
    guard let count = try input.nextLine(Limits.exportLineBytesMax) else { return nil }
    number += 1
    defer { input.consume(count) }
    do throws(CodecError) {
      return try ExportLine(decoding: input.rest.extracting(0..<count))
    } catch { throw CommandFailure(code: .badData, message: "line \(number): \(error)") }
  }

  // MARK: Targets

  private func storedSettings(_ topic: String) throws -> TopicSettings? {
    do throws(LogError) {
      for name in try survey.partitions() {
        if let settings = try survey.partition(name).settings, settings.name == topic { return settings }
      }
    } catch { throw CommandFailure(error) }
    return nil
  }

  private func settings(of line: PartitionLine) throws -> TopicSettings {
    let known = Topic.all.first { $0.name == line.topic }.map { topology.settings(of: $0) }
    let policy = try storedSettings(line.topic)?.policy ?? known?.policy
    let settings = TopicSettings(
      name: line.topic, partitions: line.partitions, isDerived: line.isDerived, policy: policy)
    if let stored = try storedSettings(line.topic), stored != settings {
      throw CommandFailure(.conflictingSettings(stored))
    }
    return settings
  }

  private mutating func begin(
    _ settings: TopicSettings, _ index: Int, startOffset: Int64?
  ) throws -> PartitionImport<PosixFiles> {
    let name = "\(settings.name)-\(index)"
    var options = LogOptions()
    options.segmentBytes = Int64(topology.log.segmentBytes)
    do throws(LogError) {
      try settings.check()
      guard !names.contains(name) else { throw .invalidBatch("\(name) again") }
      guard try survey.isEmpty(name) else { throw .invalidBatch("\(name) has records already") }
      names.append(name)
      return try PartitionImport(
        files: PosixFiles(), directory: "\(staging)/\(name)", settings: settings, index: index,
        startOffset: startOffset, options: options)
    } catch {
      if case .invalidBatch(let reason) = error { throw CommandFailure(code: .badData, message: reason) }
      throw CommandFailure(error)
    }
  }

  /// Runs `body` and moves what it made to its place; after an error nothing of it stays.
  private mutating func attempt(_ body: (inout Self) throws -> Void) throws -> ExitCode {
    do {
      try body(&self)
      progress.clear()
      for name in names {
        let place = "\(survey.directory)/topics/\(name)"
        // It was seen to be empty.
        if FileManager.default.fileExists(atPath: place) { try FileManager.default.removeItem(atPath: place) }
        try survey.files.rename("\(staging)/\(name)", to: place)
      }
      try survey.files.syncDirectory(survey.directory + "/topics")
      try? FileManager.default.removeItem(atPath: staging)
      Console.message("millrace: imported \(names.joined(separator: ", ")), \(input.consumed) bytes\n")
      return .success
    } catch {
      progress.clear()
      try? FileManager.default.removeItem(atPath: staging)
      if let error = error as? FileError { throw CommandFailure(error.logError) }
      throw error
    }
  }
}

/// Records on their way into one batch.
private struct ImportBatch: ~Copyable {
  private var writer = SparseBatchWriter()
  private var bytes = ByteWriter()
  /// What the next line must begin with.
  private(set) var offset: Int64

  init(offset: Int64) {
    self.offset = offset
    writer.begin(at: offset)
  }

  var isEmpty: Bool { offset == writer.baseOffset }

  /// Whether a line of offsets up to `end` may be put in; a record may be the largest.
  func canTake(_ end: Int64) -> Bool {
    writer.byteCount < Limits.importBatchBytes && writer.recordCount < Limits.batchRecordsMax
      && end - writer.baseOffset <= GapLine.offsetsMax
  }

  mutating func append(_ record: RecordLine) {
    unsafe writer.append(
      offset: record.offset, timestampMillis: record.timestampMillis, key: record.key?.span.bytes,
      value: record.value?.span.bytes, headers: record.headers.span.bytes)
    offset = record.offset + 1
  }

  mutating func skip(to end: Int64) { offset = end }

  mutating func flush(to target: inout PartitionImport<PosixFiles>) throws(LogError) {
    writer.finish(lastOffset: offset - 1, into: &bytes)
    _ = try target.append(bytes.bytes)
    writer.begin(at: offset)
  }
}

/// A file or stdin, through one buffer.
private struct ImportInput: ~Copyable {
  private let file: FileHandle
  private var buffer = ByteWriter(capacity: 1 << 16)
  private var position = 0
  private var isAtEnd = false
  /// What was consumed so far.
  private(set) var consumed: Int64 = 0
  /// The whole, where that is known.
  let byteCount: Int64?

  init(_ path: String) throws {
    if path == "-" {
      file = .standardInput
      byteCount = nil
      return
    }
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure(code: .missingInput, message: "cannot read \(path)")
    }
    self.file = file
    byteCount = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
  }

  /// What was read and not consumed.
  var rest: RawSpan { @_lifetime(borrow self) get { buffer.bytes.extracting(position..<buffer.count) } }

  mutating func consume(_ count: Int) {
    position += count
    consumed += Int64(count)
  }

  /// Reads until there are `count` bytes or all that are left. Returns how many there are.
  mutating func fill(_ count: Int) throws -> Int {
    while buffer.count - position < count, !isAtEnd {
      if position > 0 {
        let kept = [UInt8](rest)
        buffer.removeAll()
        unsafe buffer.append(kept.span.bytes)
        position = 0
      }
      guard let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty else {
        isAtEnd = true
        break
      }
      let read = [UInt8](chunk)
      unsafe buffer.append(read.span.bytes)
    }
    return buffer.count - position
  }

  private static func lineEnd(in bytes: RawSpan, from start: Int) -> Int? {
    for place in start..<bytes.byteCount where unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self) == 0x0a {
      return place + 1
    }
    return nil
  }

  /// The size of the next line with its end, or nil after the last.
  mutating func nextLine(_ limit: Int) throws -> Int? {
    var seen = 0
    while true {
      if let end = Self.lineEnd(in: rest, from: seen) { return end }
      seen = buffer.count - position
      guard seen <= limit else { throw CommandFailure(code: .badData, message: "a line of more than \(limit) bytes") }
      guard try fill(seen + 1) > seen else { break }
    }
    guard seen > 0 else { return nil }
    throw CommandFailure(code: .badData, message: "byte \(consumed): the last line has no end: the file was cut short")
  }
}

extension LogError {
  fileprivate var reason: String {
    if case .invalidBatch(let reason) = self { return reason }
    return "\(self)"
  }
}
