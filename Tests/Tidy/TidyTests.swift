// The mechanical house rules: what a reviewer should not have to say.

import Foundation
import Testing

@Suite struct TidyTests {
  @Test func theRepositoryIsFound() {
    #expect(Repository.sources.count > 20)
    #expect(Repository.tests.count > 5)
  }

  /// The listing is the architecture: a target imports only targets above it in byte order.
  @Test func targetsImportOnlyUpwards() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appending(path: "Sources").path(percentEncoded: false))
    let targets = Set(folders)
    var offences: [String] = []
    for file in Repository.sources {
      for line in file.lines {
        guard let match = line.firstMatch(of: /^(?:(?:public|package|internal|private|@testable) )*import (\w+)/)
        else { continue }
        let imported = String(match.1)
        guard targets.contains(imported) else { continue }
        if !imported.utf8.lexicographicallyPrecedes(file.target.utf8) {
          offences.append("\(file.path): \(file.target) must not import \(imported)")
        }
      }
    }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  /// Folds stay pure: no clock, socket, disk or random number can creep in.
  @Test func foldsImportNoMachine() {
    let folds = Repository.sources.filter { ["Events", "Processors", "Projections"].contains($0.target) }
    let offences = Repository.offences(in: folds) {
      $0.contains(pattern: #"^\s*(\w+ )?import (Core|C[A-Z]\w*|Glibc|Foundation|Dispatch)\b"#)
    }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  @Test func eachLibraryTouchesOneTarget() {
    var users: [String: Set<String>] = [:]
    for file in Repository.sources {
      for line in file.lines {
        if let match = line.firstMatch(of: /^internal import (C[A-Z]\w+)/), match.1 != "CPlatform" {
          users[String(match.1), default: []].insert(file.path)
        }
      }
      let offences = file.lines.filter { $0.contains(pattern: #"^(public|package) import C[A-Z]"#) }
      #expect(offences.isEmpty, "\(file.path): C names must not leave their target")
    }
    for (library, files) in users {
      let targets = Set(files.map { $0.split(separator: "/")[1] })
      #expect(targets.count == 1, "\(library) is imported by \(files.sorted())")
    }
  }

  @Test func nothingTrapsOnInput() {
    let banned = [
      #"\bfatalError\("#, #"\btry!"#, #"\bas!"#, #"[\w\)\]]!(?![=\w])"#, #"\bunowned\(unsafe\)"#,
    ]
    for pattern in banned {
      let offences = Repository.offences(in: Repository.sources) { $0.code.contains(pattern: pattern) }
      #expect(offences.isEmpty, "\(pattern)\n\(offences.joined(separator: "\n"))")
    }
  }

  @Test func nothingIsUnfinished() {
    let pattern = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].joined(separator: "|")
    let offences = Repository.offences(in: Repository.sources + Repository.tests) {
      $0.contains(pattern: "\\b(\(pattern))\\b")
    }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  @Test func noBinaryFractionReachesAnEvent() {
    let folds = Repository.sources.filter { ["Events", "Processors", "Projections"].contains($0.target) }
    let offences = Repository.offences(in: folds) { $0.code.contains(pattern: #"\b(Double|Float)\b"#) }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  /// No unbounded queue: an AsyncStream has no limit unless told, and blocking C calls stall the cooperative pool.
  @Test func noUnboundedQueueAndNoCooperativePool() {
    let offences = Repository.offences(in: Repository.sources) {
      $0.code.contains(pattern: #"\b(AsyncStream|AsyncThrowingStream|DispatchQueue|Task\.detached|Task \{)"#)
    }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  @Test func uncheckedSendableSaysWhy() {
    let offences = Repository.offences(in: Repository.sources) {
      $0.contains(pattern: #"@unchecked Sendable|nonisolated\(unsafe\)"#) && !$0.contains("//")
    }
    #expect(offences.isEmpty, "say on the line which lock or guarantee holds\n\(offences.joined(separator: "\n"))")
  }

  @Test func filesOpenWithWhatTheyAre() {
    let files = Repository.sources + Repository.tests
    let offences = files.filter { !($0.lines.first ?? "").hasPrefix("// ") }.map(\.path)
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }

  @Test func filesLinesAndFunctionsAreSmall() {
    let files = Repository.sources + Repository.tests
    let long = files.filter { $0.lines.count > 501 }.map { "\($0.path): \($0.lines.count) lines" }
    #expect(long.isEmpty, "\(long.joined(separator: "\n"))")
    let wide = Repository.offences(in: files) { $0.count > 120 }
    #expect(wide.isEmpty, "\(wide.joined(separator: "\n"))")
    let functions = Repository.sources.flatMap(Self.longFunctions)
    #expect(functions.isEmpty, "\(functions.joined(separator: "\n"))")
  }

  /// A function ends at the closing brace of its own indentation; the format lint keeps that true.
  private static func longFunctions(in file: SourceFile) -> [String] {
    var offences: [String] = []
    for (index, line) in file.lines.enumerated() {
      guard line.contains(pattern: #"^\s*([@\w\(\):, ]+ )?(func|init)\b"#), !line.contains("//") else { continue }
      let indent = String(line.prefix { $0 == " " })
      let end = file.lines[(index + 1)...].firstIndex { $0 == "\(indent)}" || $0.hasPrefix("\(indent)} ") }
      if let end, end - index > 71 { offences.append("\(file.path):\(index + 1): \(end - index) lines") }
    }
    return offences
  }

  /// Names that say nothing.
  @Test func filesHaveNamesThatSayWhatTheyAre() {
    let offences = Repository.sources.map(\.path).filter {
      $0.contains(pattern: #"(Utils?|Helpers?|Managers?|Base|Misc|Common|Placeholder)\.swift$"#)
    }
    #expect(offences.isEmpty, "\(offences.joined(separator: "\n"))")
  }
}
