// The command line: which commands there are, their options, their help. Data goes to stdout, the rest to stderr.

/// One option of a command. `--name VALUE` and `--name=VALUE` are the same.
struct Option: Sendable {
  var name: String
  /// What stands for the value in the help; nil for a flag.
  var value: String?
  var help: String
}

/// What the person typed, checked against the command's options.
struct Arguments {
  var values: [String: String] = [:]
  var positional: [String] = []

  subscript(_ name: String) -> String? { values[name] }
  func has(_ name: String) -> Bool { values[name] != nil }
}

/// A subcommand.
struct Command: Sendable {
  var name: String
  var summary: String
  /// Names of the positional arguments, for the usage line; all are required.
  var positional: [String] = []
  var options: [Option] = []
  /// More for `--help`, such as examples.
  var details = ""
  var run: @Sendable (Arguments) throws -> ExitCode

  func parse(_ words: [String]) throws -> Arguments {
    var arguments = Arguments()
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--"), word.utf8.count > 2 else {
        arguments.positional.append(word)
        continue
      }
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard let option = options.first(where: { $0.name == name }) else {
        throw CommandFailure(code: .usage, message: "unknown option --\(name); see millrace \(self.name) --help")
      }
      if option.value == nil {
        guard parts.count == 1 else {
          throw CommandFailure(code: .usage, message: "--\(name) takes no value")
        }
        arguments.values[name] = ""
      } else if parts.count == 2 {
        arguments.values[name] = String(parts[1])
      } else if let value = rest.popFirst() {
        arguments.values[name] = value
      } else {
        throw CommandFailure(code: .usage, message: "--\(name) needs a value: --\(name) \(option.value ?? "")")
      }
    }
    guard arguments.positional.count == positional.count else {
      throw CommandFailure(code: .usage, message: "usage: \(usage); see millrace \(name) --help")
    }
    return arguments
  }

  var usage: String {
    (["millrace", name] + positional + (options.isEmpty ? [] : ["[options]"])).joined(separator: " ")
  }

  var help: String {
    var lines = ["\(name): \(summary)", "", "usage: \(usage)"]
    if !options.isEmpty { lines += [""] + Self.table(options.map { (Self.label($0), $0.help) }) }
    if !details.isEmpty { lines += ["", details] }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func label(_ option: Option) -> String {
    "  --\(option.name)" + (option.value.map { " \($0)" } ?? "")
  }

  static func table(_ rows: [(String, String)]) -> [String] {
    let width = (rows.map(\.0.count).max() ?? 0) + 2
    return rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count) + $0.1 }
  }
}

/// The program: its commands, and how a command line becomes one of them.
public enum Millrace {
  static let commands: [Command] = [
    .run, .replay, .tail, .verify, .logInspect, .logVerify, .logRepair, .logExport, .logImport, .topicsList,
    .topicsPlan, .topicsApply, .copy, .position, .describe, .bench, .version,
  ]

  /// Runs one command line, without the program's name. Never traps on what a person types.
  public static func main(_ words: [String]) -> ExitCode {
    do {
      return try dispatch(words)
    } catch let failure as CommandFailure {
      Console.error(failure.message)
      return failure.code
    } catch {
      Console.error("unexpected: \(error)")
      return .software
    }
  }

  private static func dispatch(_ words: [String]) throws -> ExitCode {
    guard let name = words.first else {
      Console.message(help)
      return .usage
    }
    if name == "--version" { return try Command.version.run(Arguments()) }
    if ["--help", "-h", "help"].contains(name) {
      let topic = Array(words.dropFirst())
      guard !topic.isEmpty else {
        Console.print(help)
        return .success
      }
      Console.print(try command(topic).command.help)
      return .success
    }
    if words.count == 2, isGroup(name), ["--help", "-h"].contains(words[1]) {
      Console.print(groupHelp(name))
      return .success
    }
    let (command, rest) = try command(words)
    if rest.contains("--help") || rest.contains("-h") {
      Console.print(command.help)
      return .success
    }
    return try command.run(try command.parse(rest))
  }

  /// The command that the words begin with, and the words behind it. A command of a group, such as `log verify`, has
  /// a name of two words.
  private static func command(_ words: [String]) throws -> (command: Command, rest: [String]) {
    for count in [2, 1] where words.count >= count {
      let name = words[..<count].joined(separator: " ")
      if let command = commands.first(where: { $0.name == name }) { return (command, Array(words[count...])) }
    }
    let name = words.first ?? ""
    if isGroup(name) {
      let known = commands.map(\.name).filter { $0.hasPrefix("\(name) ") }.joined(separator: ", ")
      throw CommandFailure(code: .usage, message: "\(name) what? There are \(known). See millrace \(name) --help")
    }
    let known = commands.map(\.name).joined(separator: ", ")
    throw CommandFailure(code: .usage, message: "unknown command \"\(name)\"; there are \(known). See millrace --help")
  }

  private static func isGroup(_ name: String) -> Bool { commands.contains { $0.name.hasPrefix("\(name) ") } }

  private static func groupHelp(_ name: String) -> String {
    let members = commands.filter { $0.name.hasPrefix("\(name) ") }
    let lines =
      ["usage: millrace \(name) COMMAND [options]", ""]
      + Command.table(members.map { ("  \($0.name)", $0.summary) }) + [
        "", "millrace \(name) COMMAND --help explains one.",
      ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static var help: String {
    let codes = ExitCode.allCases.map { ("  \($0.rawValue)", $0.meaning) }
    let lines =
      ["millrace: event-sourced stream processing for market data", "", "usage: millrace COMMAND [options]", ""]
      + Command.table(commands.map { ("  \($0.name)", $0.summary) })
      + ["", "millrace COMMAND --help explains one. Data goes to stdout, messages to stderr.", "", "exit status:"]
      + Command.table(codes)
    return lines.joined(separator: "\n") + "\n"
  }
}
