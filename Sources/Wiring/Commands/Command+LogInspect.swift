// `millrace log inspect`: what lies in the segments, batch by batch.

import Codecs
import Core
import Foundation
import Log

extension Command {
  static let logInspect = Command(
    name: "log inspect", summary: "list the segments and batches of the log: offsets, times, sizes, compression",
    options: LogToolTarget.options + [
      Option(name: "segments", value: nil, help: "only the segments, not their batches"),
      Option(name: "json", value: nil, help: "one JSON object on a line"),
    ],
    details: """
      Reads the files as they are, so it works on a damaged log and beside a running `millrace run`.
      What is no batch is listed as damage in its place; `millrace log verify` looks closer.

      example:
        millrace log inspect --topic prices.ticks.v1 --segments
      """
  ) { arguments in
    let target = try LogToolTarget(arguments)
    let inspection = LogInspection(
      survey: target.survey, isJSON: arguments.has("json"), listsBatches: !arguments.has("segments"))
    for name in target.partitions {
      do throws(LogError) {
        guard try inspection.run(name) else { break }
      } catch { throw CommandFailure(error) }
    }
    return .success
  }
}

/// Prints partitions to stdout.
private struct LogInspection {
  let survey: LogSurvey<PosixFiles>
  let isJSON: Bool
  let listsBatches: Bool

  /// False once nobody reads stdout any more.
  func run(_ name: String) throws(LogError) -> Bool {
    let partition = try survey.partition(name)
    for damage in partition.damage { Console.error(damage.text) }
    var isRead = true
    if !isJSON {
      let kind = partition.settings.map { $0.isDerived ? "derived" : "input" } ?? "unknown kind"
      isRead = Console.write("\(name), \(kind), \(partition.byteCount) bytes\n", to: 1)
    }
    for segment in partition.segments where isRead { isRead = try print(segment, name) }
    return isRead
  }

  private func print(_ segment: SurveyedSegment, _ name: String) throws(LogError) -> Bool {
    var totals = SegmentTotals()
    var lines = ""
    var isRead = true
    try survey.forEachPart(of: segment) { part in
      totals.add(part)
      guard listsBatches, isRead else { return }
      lines += isJSON ? json(part, segment) : text(part)
      if lines.utf8.count > 1 << 16 {
        isRead = Console.write(lines, to: 1)
        lines = ""
      }
    }
    // The segment's line comes last: only now its figures are known.
    return isRead && Console.write(lines + (isJSON ? json(totals, segment, name) : text(totals, segment)), to: 1)
  }

  // MARK: Text

  private func text(_ part: SegmentPart) -> String {
    switch part {
    case .batch(let batch):
      return "    byte \(batch.byte)  offsets \(batch.baseOffset)..\(batch.lastOffset)  \(batch.recordCount) records  "
        + "\(batch.byteCount) bytes  \(batch.compressionName)  crc \(batch.checksum.hexadecimal)  "
        + "\(time(batch.baseTimestampMillis)) .. \(time(batch.maxTimestampMillis))\n"
    case .damage(let stretch):
      return "    byte \(stretch.byte)  DAMAGED, \(stretch.byteCount) bytes: \(stretch.reason)\n"
    }
  }

  private func text(_ totals: SegmentTotals, _ segment: SurveyedSegment) -> String {
    var line = "  \(segment.file)  \(segment.isSealed ? "sealed" : "last")  "
    guard segment.byteCount != nil else { return line + "MISSING\n" }
    line += "\(segment.byteCount ?? 0) bytes  \(totals.batches) batches  \(totals.records) records"
    guard let first = totals.firstOffset else { return line + "\n" }
    line += "  offsets \(first)..\(totals.lastOffset)  up to \(time(totals.maxTimestampMillis))"
    return line + (totals.damages > 0 ? "  DAMAGED in \(totals.damages) places\n" : "\n")
  }

  private func time(_ millis: Int64) -> String {
    let (nanos, overflow) = millis.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? "\(millis) ms" : RFC3339.text(nanos: nanos)
  }

  // MARK: JSON

  private func json(_ part: SegmentPart, _ segment: SurveyedSegment) -> String {
    switch part {
    case .batch(let batch):
      [
        ("kind", "\"batch\""), ("file", segment.file.json), ("byte", "\(batch.byte)"), ("bytes", "\(batch.byteCount)"),
        ("firstOffset", "\(batch.baseOffset)"), ("lastOffset", "\(batch.lastOffset)"),
        ("records", "\(batch.recordCount)"), ("firstTimestampMillis", "\(batch.baseTimestampMillis)"),
        ("maxTimestampMillis", "\(batch.maxTimestampMillis)"), ("compression", batch.compressionName.json),
        ("crc32c", batch.checksum.hexadecimal.json),
      ].jsonLine
    case .damage(let stretch):
      [
        ("kind", "\"damage\""), ("file", segment.file.json), ("byte", "\(stretch.byte)"),
        ("bytes", "\(stretch.byteCount)"), ("reason", stretch.reason.json),
      ].jsonLine
    }
  }

  private func json(_ totals: SegmentTotals, _ segment: SurveyedSegment, _ name: String) -> String {
    [
      ("kind", "\"segment\""), ("partition", name.json), ("file", segment.file.json),
      ("sealed", "\(segment.isSealed)"), ("bytes", segment.byteCount.map { "\($0)" } ?? "null"),
      ("batches", "\(totals.batches)"), ("records", "\(totals.records)"),
      ("firstOffset", totals.firstOffset.map { "\($0)" } ?? "null"),
      ("lastOffset", totals.firstOffset == nil ? "null" : "\(totals.lastOffset)"),
      ("maxTimestampMillis", totals.firstOffset == nil ? "null" : "\(totals.maxTimestampMillis)"),
      ("damages", "\(totals.damages)"),
    ].jsonLine
  }
}

/// Sums over one segment.
private struct SegmentTotals {
  var batches = 0
  var records = 0
  var damages = 0
  var firstOffset: Int64?
  var lastOffset: Int64 = -1
  var maxTimestampMillis = Int64.min

  mutating func add(_ part: SegmentPart) {
    switch part {
    case .batch(let batch):
      batches += 1
      records += batch.recordCount
      firstOffset = firstOffset ?? batch.baseOffset
      lastOffset = batch.lastOffset
      maxTimestampMillis = max(maxTimestampMillis, batch.maxTimestampMillis)
    case .damage: damages += 1
    }
  }
}

extension UInt32 {
  /// Eight digits.
  fileprivate var hexadecimal: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}
