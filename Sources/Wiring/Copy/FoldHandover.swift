// Derived topics of an embedded log on Kafka, so that the folds there go on where they were.

import Events
import Foundation
import Log
import LogKafka
import Processors

/// A fold on Kafka goes on from the position that is committed together with its outputs. So derived topics are copied
/// as far as the newest checkpoint knows them, and that checkpoint's position is committed in the end.
struct FoldHandover {
  private let topology: Topology
  private let stores: [CheckpointDirectory<PosixFiles>]
  private let places: [FoldPlace]

  /// Nil where the folds of `topology` could not make these derived topics from the input that is there: then they make
  /// theirs, from its beginning.
  init?(from log: EmbeddedLog, directory: String, to topology: Topology) throws(LogError) {
    self.topology = topology
    guard let ticks = log.topics().first(where: { $0.name == Topic.ticks.name }) else { return nil }
    var source = topology
    source.log.directory = directory
    var stores: [CheckpointDirectory<PosixFiles>] = []
    var places: [FoldPlace] = []
    for index in 0..<ticks.partitions {
      let path = source.checkpointDirectory(index)
      guard FileManager.default.fileExists(atPath: path) else { return nil }
      let store = try CheckpointDirectory(path)
      let parts = try PriceTopics(log, index)
      let place = try FoldPlace.newest(
        in: store, input: parts.input, outputs: parts.outputs, settings: topology.taskSettings
      ) { topology.makeFold() }
      guard let place, parts.input.startOffset == 0 else { return nil }
      stores.append(store)
      places.append(place)
    }
    self.stores = stores
    self.places = places
  }

  /// Where to end in a derived partition; nil for others.
  func end(of topic: String, _ index: Int) -> Int64? {
    guard places.indices.contains(index),
      let output = PriceTopics<EmbeddedPartition>.outputTopics.firstIndex(
        where: { $0.name == topic })
    else { return nil }
    return places[index].outputEnds[output]
  }

  /// Commits the folds' positions in the target, once all of it is there.
  func commit(to log: KafkaLog) throws(LogError) {
    let maps = try CopyMap.load(try log.partition(CopyMap.topic.name, 0))
    for (index, place) in places.enumerated() {
      let parts = try PriceTopics(log, index)
      let map = maps[CopyMap.key(Topic.ticks.name, index)]
      // No record at all is position 0, and nothing to commit.
      guard let offset = map?.target(of: place.position) else { continue }
      let note = FoldPlace.note(of: stores[index], input: parts.input, settings: topology.taskSettings) {
        topology.makeFold()
      }
      let writer = log.transactions(input: parts.input, outputs: parts.outputs)
      defer { writer.close() }
      if let committed = try writer.open(), committed.offset >= offset { continue }
      try writer.commit(CommittedPosition(offset: offset, note: note))
    }
  }
}
