// Tests/Golden: the bytes of released formats, and the independent programs that read and write them.

package import Foundation

package enum GoldenFiles {
  /// The package's root.
  package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  package static func url(_ name: String) -> URL { root.appending(path: "Tests/Golden/\(name)") }

  /// The lines of a file of Tests/Golden; none if there is no such file.
  package static func lines(_ name: String) -> [String] {
    guard let text = try? String(contentsOf: url(name), encoding: .utf8) else { return [] }
    return text.split(separator: "\n").map(String.init)
  }

  /// Whether `SNAP_UPDATE=1` asks for the expectations to be written anew.
  package static let isUpdating = ProcessInfo.processInfo.environment["SNAP_UPDATE"] == "1"

  package static func write(_ lines: [String], to name: String) throws {
    try (lines.joined(separator: "\n") + "\n").write(to: url(name), atomically: true, encoding: .utf8)
  }
}

/// A Python interpreter and a program of Tests/Golden.
package struct PythonPeer: Sendable {
  private let interpreter: String

  /// Any python3 of this machine; nil where there is none.
  package static let plain: PythonPeer? = find(["/usr/bin/env"], "import sys")
  /// The one with the peers of `make deps`: MILLRACE_PYTHON, or the package's own virtual environment.
  package static let withAvro: PythonPeer? = find(
    [ProcessInfo.processInfo.environment["MILLRACE_PYTHON"], GoldenFiles.root.path + "/.venv/bin/python3"]
      .compactMap(\.self), "import fastavro")

  private static func find(_ interpreters: [String], _ probe: String) -> PythonPeer? {
    interpreters.lazy.map(PythonPeer.init).first { (try? $0.run(["-c", probe]).status) == 0 }
  }

  private init(_ interpreter: String) { self.interpreter = interpreter }

  /// The lines that `script` of Tests/Golden prints; with `input`, a file that holds it is the last argument.
  package func lines(_ script: String, _ arguments: [String] = [], input: [String]? = nil) throws -> [String] {
    var all = [GoldenFiles.url(script).path] + arguments
    let directory = TemporaryDirectory()
    if let input {
      let file = directory.path + "/input"
      try input.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      all.append(file)
    }
    let result = try run(all)
    guard result.status == 0 else { throw PeerFailure(script: script, status: result.status) }
    return result.output.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
  }

  private func run(_ arguments: [String]) throws -> (output: String, status: Int32) {
    let process = Process()
    process.executableURL = URL(filePath: interpreter)
    process.arguments = (interpreter.hasSuffix("/env") ? ["python3"] : []) + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }
}

/// The peer ended with an error; what it said is on stderr.
package struct PeerFailure: Error {
  package let script: String
  package let status: Int32
}

/// Bytes as hexadecimal text, and back; an empty array for what is no such text.
package enum Hexadecimal {
  package static func text(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  package static func bytes(_ text: some StringProtocol) -> [UInt8] {
    let digits = Array(text.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
  }
}
