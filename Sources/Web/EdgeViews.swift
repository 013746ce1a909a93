// The views of the edge, and what their answers share.

import Codecs
import Core
import Events
import Log
import Projections

/// All views with the thread that feeds them.
struct EdgeViews<Log: EventLog>: Sendable {
  let latest: NewestView<LatestPrice>
  let candles: CandleView
  let sources: NewestView<SourceStatus>
  let tail: ViewTail<Log>

  init(log: Log, logger: Logger) {
    let topics = log.topics()
    func partitions(of topic: Topic) -> Int { topics.first { $0.name == topic.name }?.partitions ?? 0 }
    latest = NewestView(partitionCount: partitions(of: .latest))
    candles = CandleView(partitionCount: partitions(of: .candles))
    sources = NewestView(partitionCount: partitions(of: .sourceStatus))
    tail = ViewTail(
      log: log,
      feeds: [
        .init(Topic.latest.name, latest), .init(Topic.candles.name, candles), .init(Topic.sourceStatus.name, sources),
      ], logger: logger)
  }
}

extension HTTPResponse {
  /// Adds the position that the answer is true at.
  func at(_ position: ViewPosition) -> HTTPResponse {
    var response = self
    response.headers.append(("Millrace-Position", position.text))
    response.headers.append(("Millrace-Epoch", position.epochText))
    return response
  }
}

extension ByteWriter {
  /// Ends an object that an event's JSON began, with the record's position.
  mutating func endObject<Value>(of item: Positioned<Value>) {
    truncate(to: count - 1)
    field("pos", "\(item.partition):\(item.offset)")
    field("epoch", "\(item.epoch)")
    endObject()
  }

  /// A list of events under `name`, each with its position, and the position of them all.
  mutating func append<Value>(
    list name: StaticString, _ items: [Positioned<Value>], at position: ViewPosition,
    _ appendJSON: (Value, inout ByteWriter) -> Void
  ) {
    beginObject()
    field("pos", position.text)
    field("epoch", position.epochText)
    field(name)
    beginArray()
    for item in items {
      appendJSON(item.value, &self)
      endObject(of: item)
    }
    endArray()
  }
}
