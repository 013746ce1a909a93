// What the commands of `millrace log` share: which directory, which partitions, and the words for what they find.

import Codecs
import Foundation
import Log

/// The log that a command is about.
struct LogToolTarget {
  static let options =
    Command.topologyOptions + [
      Option(name: "topic", value: "TOPIC", help: "only this topic, such as prices.ticks.v1"),
      Option(name: "partition", value: "N", help: "only this partition of it"),
    ]

  let directory: String
  /// The directories of the partitions asked for, ascending.
  let partitions: [String]

  var survey: LogSurvey<PosixFiles> { LogSurvey(directory: directory, files: PosixFiles()) }

  init(_ arguments: Arguments) throws {
    directory = try Self.directory(arguments)
    guard FileManager.default.fileExists(atPath: directory + "/topics") else {
      throw CommandFailure(code: .missingInput, message: "there is no data in \(directory); choose another with --data")
    }
    let all: [String]
    do throws(LogError) {
      all = try LogSurvey(directory: directory, files: PosixFiles()).partitions()
    } catch { throw CommandFailure(error) }
    guard arguments.has("topic") || arguments.has("partition") else {
      partitions = all
      return
    }
    guard let topic = arguments["topic"] else {
      throw CommandFailure(code: .usage, message: "--partition needs --topic")
    }
    partitions = try Self.select(all, topic: topic, partition: Self.partition(arguments))
    guard !partitions.isEmpty else {
      let known = Set(all.map(Self.topic)).sorted().joined(separator: ", ")
      throw CommandFailure(code: .missingInput, message: "there is no such partition; the topics are \(known)")
    }
  }

  static func directory(_ arguments: Arguments) throws -> String {
    try Topology.loadEmbedded(arguments).log.directory
  }

  static func partition(_ arguments: Arguments) throws -> Int? {
    guard let text = arguments["partition"] else { return nil }
    guard let index = Int(text), (0..<100_000).contains(index) else {
      throw CommandFailure(code: .usage, message: "--partition \(text): it must be a whole number from 0")
    }
    return index
  }

  private static func select(_ names: [String], topic: String, partition: Int?) -> [String] {
    names.filter { name in partition.map { name == "\(topic)-\($0)" } ?? (Self.topic(name) == topic) }
  }

  /// The topic in a directory's name.
  static func topic(_ name: String) -> String {
    guard let dash = name.lastIndex(of: "-") else { return name }
    return String(name[..<dash])
  }
}

extension LogDamage {
  /// One line for a person.
  var text: String { "\(file): byte \(byte): \(kind.rawValue): \(reason)" }
}

extension Sequence where Element == (String, String) {
  /// One JSON object on a line; the values are JSON already.
  var jsonLine: String { "{" + map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}\n" }
}

extension String {
  /// This text as a JSON string.
  var json: String {
    var writer = ByteWriter()
    writer.append(jsonString: self)
    return String(utf8: writer.bytes)
  }
}
