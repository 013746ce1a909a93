// `millrace log verify`: all damage of the stored files in one run.

import Core
import Foundation
import Log

extension Command {
  static let logVerify = Command(
    name: "log verify", summary: "walk everything in the log and name all damage, file and byte each",
    options: LogToolTarget.options + [
      Option(name: "json", value: nil, help: "one JSON object on a line, the last one with the totals")
    ],
    details: """
      Checks the manifests, the set of files, every batch's place and checksum, every record, and both indexes against
      their segment. Changes nothing, and works beside a running `millrace run`.

      Exit status 0: all is whole. 1: only what the next start puts right by itself: the torn tail that a crash leaves,
      an index that is missing or wrong. 65: damage; `millrace log repair` says what can be done.
      """
  ) { arguments in
    let target = try LogToolTarget(arguments)
    do throws(LogError) {
      return try verify(target, isJSON: arguments.has("json"))
    } catch { throw CommandFailure(error) }
  }

  private static func verify(_ target: LogToolTarget, isJSON: Bool) throws(LogError) -> ExitCode {
    let clock = SystemClock()
    var progress = ProgressLine(label: "verified", unit: "bytes", nowNanos: clock.monotonicNanos())
    var total: Int64 = 0
    for name in target.partitions { total += try target.survey.partition(name).byteCount }
    var verifier = LogVerifier(
      target.survey,
      report: { damage in
        progress.clear()
        Console.print(isJSON ? damage.jsonLine : damage.text + "\n")
      },
      progress: { done in progress.update(done: done, total: total, nowNanos: clock.monotonicNanos()) },
      pause: { NamedThread.sleep(nanos: Limits.logPollNanos) })
    let result = try verifier.run(target.partitions)
    progress.clear()
    if isJSON {
      Console.print(
        [
          ("kind", "\"totals\""), ("partitions", "\(result.partitions)"), ("segments", "\(result.segments)"),
          ("batches", "\(result.batches)"), ("records", "\(result.records)"), ("bytes", "\(result.bytes)"),
          ("damages", "\(result.damages)"), ("passingDamages", "\(result.passingDamages)"),
        ].jsonLine)
    } else {
      Console.print(result.text)
    }
    if result.damages > 0 { return .badData }
    return result.passingDamages > 0 ? .difference : .success
  }
}

extension VerifiedLog {
  fileprivate var text: String {
    var text =
      "\(partitions) partitions, \(segments) segments, \(batches) batches, \(records) records, \(bytes) bytes: "
    switch (damages, passingDamages) {
    case (0, 0): text += "all whole"
    case (0, _): text += "\(passingDamages) findings that the next start puts right"
    case (_, 0): text += "\(damages) damaged places"
    default: text += "\(damages) damaged places, and \(passingDamages) findings that the next start puts right"
    }
    return text + "\n"
  }
}

extension LogDamage {
  fileprivate var jsonLine: String {
    [("kind", kind.rawValue.json), ("file", file.json), ("byte", "\(byte)"), ("reason", reason.json)].jsonLine
  }
}
