// `millrace log repair`: makes a damaged log one that opens. Only on demand, only with --yes, keeping what it cuts.

import Core
import Events
import Foundation
import Log

extension Command {
  static let logRepair = Command(
    name: "log repair", summary: "say what it takes to make a damaged log open, and with --yes do it",
    options: LogToolTarget.options + [Option(name: "yes", value: nil, help: "do it; without, nothing is changed")],
    details: """
      Needs the log to itself: stop `millrace run` first.

      What can be read stays, at its offset. Damaged bytes go to a file beside their segment, SEGMENT.log.cut-BYTE. In
      an input topic each lost record is replaced by one without key and value and with the header millrace.lost, so
      that all later offsets stay and the loss is counted, as a dead letter. A derived topic ends at its first damage,
      and the next start makes the rest of it again. Where input records were lost, derived records made of them before
      the repair stay as they are: `millrace verify` names the first.

      Exit status 0: nothing is to be done, or all was done. 1: without --yes, something is to be done.
      """
  ) { arguments in
    let topology = try Topology.loadEmbedded(arguments)
    let target = try LogToolTarget(arguments)
    do throws(LogError) {
      let lock = try LogRepair.lock(target.survey)
      return try withExtendedLifetime(lock) { () throws(LogError) in
        try repair(target, topology, isAllowed: arguments.has("yes"))
      }
    } catch { throw CommandFailure(error) }
  }

  private static func repair(
    _ target: LogToolTarget, _ topology: Topology, isAllowed: Bool
  ) throws(LogError) -> ExitCode {
    let repair = LogRepair(target.survey, knownTopics: Topic.all.map { topology.settings(of: $0) })
    var pending = 0
    for name in target.partitions {
      var plan = try repair.plan(name)
      guard !plan.steps.isEmpty else { continue }
      pending += 1
      Console.print("\(name):\n" + plan.steps.map { "  \($0)\n" }.joined())
      if plan.lostRecords > 0 { Console.print("  records that are lost: \(plan.lostRecords)\n") }
      guard isAllowed else { continue }
      plan = try repair.apply(plan)
      Console.print("  done" + plan.asides.map { "\n  kept \($0)" }.joined() + "\n")
    }
    if pending == 0 {
      Console.print("\(target.partitions.count) partitions: nothing to repair\n")
      return .success
    }
    if !isAllowed { Console.message("millrace: nothing was changed; with --yes it is done\n") }
    return isAllowed ? .success : .difference
  }
}
