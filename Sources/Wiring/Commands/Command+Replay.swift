// `millrace replay` and `millrace tail`: a stream of the log in a data directory, as text.

import Codecs
import Core
import Foundation
import Log
import Web

extension Command {
  private static let formatOption = Option(name: "format", value: "FORMAT", help: "ndjson (default) or csv")
  private static let keysOption = Option(name: "keys", value: "KEY,...", help: "only these keys, such as BTC/USD")

  static let replay = Command(
    name: "replay", summary: "print a stream's history, from a moment to a moment",
    positional: ["STREAM"],
    options: topologyOptions + [
      Option(name: "from", value: "BOUND", help: "the first record (default earliest)"),
      Option(name: "to", value: "BOUND", help: "the record after the last (default now)"),
      keysOption, formatOption,
      Option(name: "speed", value: "max|N", help: "max (default), or N times the pace of the event times"),
    ],
    details: """
      A BOUND is \(StreamBound.forms).
      The range is half-open: the record at --to is not part of it. Works beside a running `millrace run`.

      example:
        millrace replay prices.candles --from 2026-01-01T00:00:00Z --keys BTC/USD --format csv
      """
  ) { arguments in
    var range = try StreamRange(arguments)
    range.from = try bound("from", arguments) ?? .earliest
    range.to = try bound("to", arguments)
    guard let speed = Topology.Recorded.speedMilli(arguments["speed"] ?? "max") else {
      throw CommandFailure(code: .usage, message: "--speed \(arguments["speed"] ?? ""): it must be max or a factor")
    }
    return try withReader(arguments) { log in
      try StreamPrinter(log: log, range: range).replay(speedMilli: speed)
    }
  }

  static let tail = Command(
    name: "tail", summary: "print a stream's new records as they come, until Ctrl-C", positional: ["STREAM"],
    options: topologyOptions + [
      Option(name: "from", value: "BOUND", help: "where to begin (default now)"), keysOption, formatOption,
    ]
  ) { arguments in
    var range = try StreamRange(arguments)
    range.from = try bound("from", arguments) ?? .end
    range.isFollowing = true
    return try withReader(arguments) { log in try StreamPrinter(log: log, range: range).follow() }
  }

  private static func bound(_ name: String, _ arguments: Arguments) throws -> StreamBound? {
    guard let text = arguments[name] else { return nil }
    guard let bound = StreamBound(text) else {
      throw CommandFailure(code: .usage, message: "--\(name) \(text): it must be \(StreamBound.forms)")
    }
    return bound
  }

  /// Opens the log for reading, beside whoever writes it.
  static func withReader(_ arguments: Arguments, _ body: (EmbeddedLog) throws -> ExitCode) throws -> ExitCode {
    let topology = try Topology.loadEmbedded(arguments)
    return try withEmbedded(topology.log.directory, topology.encodings(try topology.schemaIDs()), body)
  }

  /// The same for a directory that is named; without `encodings`, values are given as they are stored.
  static func withEmbedded(
    _ directory: String, _ encodings: [String: ValueEncoding] = [:], _ body: (EmbeddedLog) throws -> ExitCode
  ) throws -> ExitCode {
    guard FileManager.default.fileExists(atPath: directory + "/topics") else {
      throw CommandFailure(code: .missingInput, message: "there is no data in \(directory); choose another with --data")
    }
    var options = LogOptions()
    options.encodings = encodings
    let log: EmbeddedLog
    do throws(LogError) {
      log = try EmbeddedLog.open(directory: directory, readOnly: true, options: options, files: PosixFiles())
    } catch {
      throw CommandFailure(error)
    }
    defer { log.close() }
    return try body(log)
  }
}

extension StreamRange {
  init(_ arguments: Arguments) throws {
    self.init(stream: arguments.positional[0])
    guard StreamDefinition.all.contains(where: { $0.name == stream }) else {
      let known = StreamDefinition.all.map(\.name).joined(separator: ", ")
      throw CommandFailure(code: .usage, message: "there is no stream \(stream); there are \(known)")
    }
    keys = arguments["keys"].map { $0.split(separator: ",").map { Array($0.utf8) } }
    guard let format = Format(rawValue: arguments["format"] ?? "ndjson") else {
      throw CommandFailure(
        code: .usage, message: "--format \(arguments["format"] ?? ""): it must be ndjson or csv")
    }
    self.format = format
  }
}

/// Prints an export to stdout, at the speed asked for.
struct StreamPrinter: ~Copyable {
  private let log: EmbeddedLog
  private let export: StreamExport<EmbeddedLog>
  private let clock = SystemClock()
  private var buffer = ByteWriter(capacity: 1 << 17)
  private let stop = StopSignal()

  init(log: EmbeddedLog, range: StreamRange) throws {
    self.log = log
    do throws(StreamFailure) {
      export = try StreamExport(log: log, range: range)
    } catch {
      throw CommandFailure(code: .badData, message: error.message)
    }
    export.appendHeader(to: &buffer)
  }

  consuming func replay(speedMilli: Int?) throws -> ExitCode {
    let isPaced = speedMilli != nil
    var progress = ProgressLine(label: "replayed", unit: "records", nowNanos: clock.monotonicNanos())
    let total = export.remaining
    var pace: (eventMillis: Int64, startNanos: Int64)?
    while !stop.isRequested {
      let isMore = try fill(recordsMax: isPaced ? 1 : .max)
      if let speedMilli, let event = export.eventTimeMillis {
        let start = pace ?? (event, clock.monotonicNanos())
        pace = start
        let dueNanos = start.startNanos + (event - start.eventMillis) * 1_000_000 / Int64(speedMilli) * 1000
        let waitNanos = dueNanos - clock.monotonicNanos()
        if waitNanos > 0, stop.wait(timeoutNanos: waitNanos) { break }
      }
      guard flush() else { return .success }
      progress.update(done: total - export.remaining, total: total, nowNanos: clock.monotonicNanos())
      if !isMore { break }
    }
    progress.clear()
    return .success
  }

  consuming func follow() throws -> ExitCode {
    while !stop.isRequested {
      let generation = log.generation
      let isMore = try fill(recordsMax: .max)
      guard flush() else { return .success }
      if !isMore { _ = log.waitForChange(after: generation, timeoutNanos: Limits.stopCheckNanos) }
    }
    return .success
  }

  private mutating func fill(recordsMax: Int) throws -> Bool {
    do throws(StreamFailure) {
      return try export.next(into: &buffer, recordsMax: recordsMax)
    } catch {
      throw CommandFailure(code: .badData, message: error.message)
    }
  }

  /// False once nobody reads stdout any more.
  private mutating func flush() -> Bool {
    let written = unsafe buffer.bytes.withUnsafeBytes { unsafe Console.write($0, to: 1) }
    buffer.removeAll()
    return written
  }
}
