// The newest event of every key of a topic, as a question can ask for it.

package import Codecs
package import Events
import Synchronization

/// An event that replaces the older ones of its key.
package protocol NewestEvent: Sendable {
  /// The key of its topic.
  var key: String { get }
  init(decoding record: RecordView) throws(CodecError)
}

extension LatestPrice: NewestEvent {
  package var key: String { instrument }
}

extension SourceStatus: NewestEvent {
  package var key: String { source }
}

/// Materialises a topic of which the newest event of a key is the state. Safe to use from any thread.
package final class NewestView<Event: NewestEvent>: TopicView {
  private let state: Mutex<NewestByKey>

  package init(partitionCount: Int) { state = Mutex(NewestByKey(partitionCount: partitionCount)) }

  package func apply(
    _ batch: borrowing RecordBatchReader, from offset: Int64, partition: Int, epoch: UInt32
  ) throws(CodecError) {
    try state.withLock { state throws(CodecError) in
      try state.apply(batch, from: offset, partition: partition, epoch: epoch)
    }
  }

  package func forget(partition: Int) { state.withLock { $0.forget(partition: partition) } }

  package var position: ViewPosition { state.withLock { $0.position } }

  /// The newest event of `key`, nil where there never was one.
  package func newest(of key: String) -> Positioned<Event>? {
    state.withLock { state in
      unsafe state.value(of: key.utf8.span.bytes) { record throws(CodecError) in try Event(decoding: record) }
    }
  }

  /// All of them in the order of their keys' bytes, and the position at which they are all true.
  package func all() -> (events: [Positioned<Event>], position: ViewPosition) {
    let (events, position) = state.withLock { state in
      (state.values { record throws(CodecError) in try Event(decoding: record) }, state.position)
    }
    return (events.sorted { $0.value.key.utf8.lexicographicallyPrecedes($1.value.key.utf8) }, position)
  }
}
