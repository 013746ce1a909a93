// log-victim: the program that the fault campaigns kill, starve and damage, and the check of what is left.
//
//     log-victim run --data DIR [--seed N --first N --events N --partitions N ...]   see VictimRun
//     log-victim check --data DIR --ledger FILE [--partitions N ...]                 exit status 1: a violation
//     log-victim damage --data DIR --campaign NAME [--stride N]                       every N-th case of DamageCampaign
//
// It drives the real log and the real folds; the campaigns themselves are in the Python files beside it.

import Glibc

func run(_ words: [String]) throws -> Int32 {
  let arguments = try Arguments(words.dropFirst(2))
  #if !PLANTED_BUGS
    guard arguments.optional("plant") == nil else { throw UsageError(text: "only a debug build has planted bugs") }
  #endif
  switch words.dropFirst().first {
  case "run": return try VictimRun(arguments).run()
  case "check":
    var check = try LedgerCheck(arguments)
    return try check.run()
  case "damage":
    var campaign = try DamageCampaign(arguments)
    return campaign.run()
  default: throw UsageError(text: "log-victim run | check | damage")
  }
}

signal(SIGPIPE, SIG_IGN)
signal(SIGXFSZ, SIG_IGN)
do {
  exit(try run(CommandLine.arguments))
} catch let error as UsageError {
  print(error.text)
  exit(64)
} catch {
  print("refused \(error)")
  exit(4)
}
