// The streams: which topic each one shows.

internal import Codecs
package import Events

/// A stream of the edge: a topic under the name that clients use.
package struct StreamDefinition: Hashable, Sendable {
  package let topic: Topic
  /// The topic's name without the version.
  package let name: String

  package init(_ topic: Topic) {
    self.topic = topic
    name = topic.stream
  }

  package static let all: [StreamDefinition] = Topic.all.map { StreamDefinition($0) }

  /// How many values of one key are current at the same time: of candles, one for each interval.
  var slotsPerKey: Int { topic == .candles ? CandleInterval.allCases.count : 1 }
}

/// What a session must know of the streams: names, keys, partitions. The rest needs a log.
final class StreamDirectory: Sendable {
  struct Entry: Sendable {
    let definition: StreamDefinition
    let partitionCount: Int
    let keys: KeyTable
  }

  let streams: [Entry]

  init(_ streams: [(definition: StreamDefinition, partitionCount: Int)]) {
    self.streams = streams.map {
      Entry(definition: $0.definition, partitionCount: $0.partitionCount, keys: KeyTable())
    }
  }

  func index(of name: String) -> Int? {
    streams.firstIndex { $0.definition.name.utf8.elementsEqual(name.utf8) }
  }
}
