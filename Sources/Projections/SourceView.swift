// How every source is doing, as a question can ask for it.

package import Codecs
package import Events
import Synchronization

/// Materialises `sources.status`. Safe to use from any thread.
package final class SourceView: TopicView {
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

  /// All of them in the order of their keys' bytes, and the position at which they are all true.
  package func statuses() -> (statuses: [Positioned<SourceStatus>], position: ViewPosition) {
    let (statuses, position) = state.withLock { state in
      (state.values { record throws(CodecError) in try SourceStatus(decoding: record) }, state.position)
    }
    let sorted = statuses.sorted { $0.value.source.utf8.lexicographicallyPrecedes($1.value.source.utf8) }
    return (sorted, position)
  }
}
