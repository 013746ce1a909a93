// `millrace position`: where a position of the log that was copied from is in the log that was copied to.

import Events
import Foundation
import Log
import LogKafka
import Web

extension Command {
  static let position = Command(
    name: "position", summary: "translate a position or token of before a copy into one of the log that was copied to",
    positional: ["STREAM", "POSITION"], options: topologyOptions,
    details: """
      POSITION is PARTITION:OFFSET, or a token that a client was given. The log is the one that was copied to, which
      keeps in its topic \(CopyMap.topic.name) where the records lie. An offset that has no record any more stands for
      the next one that has. A position that the copy has not come to yet is refused.

      example:
        millrace position prices.ticks 0:1234 --log kafka:127.0.0.1:9092
      """
  ) { arguments in
    let stream = arguments.positional[0]
    guard let topic = Topic.all.first(where: { $0.stream == stream }) else {
      let known = Topic.all.map(\.stream).joined(separator: ", ")
      throw CommandFailure(code: .usage, message: "there is no stream \(stream); there are \(known)")
    }
    let topology = try Topology.load(arguments, environment: ProcessInfo.processInfo.environment)
    let maps = try maps(of: topology)
    let text = try PositionTranslation(topic: topic, maps: maps).translate(arguments.positional[1])
    Console.print(text + "\n")
    return .success
  }

  private static func maps(of topology: Topology) throws -> [String: CopyMap] {
    guard let kafka = topology.log.kafka else {
      var maps: [String: CopyMap] = [:]
      _ = try withEmbedded(topology.log.directory) { log in
        maps = try copyMaps(in: log)
        return .success
      }
      return maps
    }
    let log = try KafkaLog.open(kafka)
    defer { log.close() }
    return try copyMaps(in: log)
  }

  private static func copyMaps<Source: EventLog>(in log: Source) throws -> [String: CopyMap] {
    do throws(LogError) { return try CopyMap.load(try log.partition(CopyMap.topic.name, 0)) } catch {
      guard case .unknownTopic = error else { throw CommandFailure(error) }
      throw CommandFailure(code: .missingInput, message: "no copy was made into this log")
    }
  }
}

/// Positions of one stream, through the maps of a copy.
struct PositionTranslation {
  let topic: Topic
  let maps: [String: CopyMap]

  func translate(_ text: String) throws -> String {
    let parts = text.split(separator: ":")
    if parts.count == 2, let index = Int(parts[0]), let offset = Int64(parts[1]), offset >= 0 {
      return "\(index):\(try target(of: offset, in: try map(index), index))"
    }
    guard var token = PositionToken(text), token.streamHash == PositionToken.hash(topic.stream) else {
      throw CommandFailure(
        code: .usage, message: "\(text) is neither PARTITION:OFFSET nor a token of \(topic.stream)")
    }
    for index in token.next.indices {
      let map = try map(index)
      guard map.epochs.source == token.epochs[index] else {
        throw CommandFailure(
          code: .badData, message: "the token is of another history of partition \(index) than the one that was copied")
      }
      token.next[index] = try target(of: token.next[index], in: map, index)
      token.epochs[index] = map.epochs.target
    }
    return token.text
  }

  private func map(_ index: Int) throws -> CopyMap {
    guard let map = maps[CopyMap.key(topic.name, index)] else {
      throw CommandFailure(code: .missingInput, message: "partition \(index) of \(topic.name) was not copied")
    }
    return map
  }

  private func target(of offset: Int64, in map: CopyMap, _ index: Int) throws -> Int64 {
    if let target = map.target(of: offset) { return target }
    throw CommandFailure(
      code: .badData, message: "\(index):\(offset) was not copied yet: the copy ends before \(index):\(map.sourceEnd)")
  }
}
