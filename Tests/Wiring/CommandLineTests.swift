// The command line: what is understood, and what is said about the rest.

import Testing

@testable import Wiring

@Suite struct CommandLineTests {
  private let command = Command(
    name: "example", summary: "for tests", positional: ["STREAM"],
    options: [Option(name: "from", value: "TIME", help: ""), Option(name: "all", value: nil, help: "")]
  ) { _ in .success }

  @Test func optionsStandAnywhereAndTakeTheirValueEitherWay() throws {
    let arguments = try command.parse(["--from", "1", "prices.latest", "--all"])
    #expect(arguments["from"] == "1" && arguments.has("all") && arguments.positional == ["prices.latest"])
    #expect(try command.parse(["--from=a=b", "x"])["from"] == "a=b")
  }

  @Test(arguments: [["x", "--form", "1"], ["x", "--from"], ["x", "--all=1"], [], ["x", "y"]])
  func mistakesAreUsageErrors(words: [String]) {
    do {
      _ = try command.parse(words)
      Issue.record("accepted \(words)")
    } catch let failure as CommandFailure {
      #expect(failure.code == .usage && !failure.message.isEmpty)
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test func everyCommandHasHelpThatNamesItsOptions() {
    for command in Millrace.commands {
      #expect(command.help.contains(command.usage))
      for option in command.options { #expect(command.help.contains("--\(option.name)")) }
    }
  }
}
