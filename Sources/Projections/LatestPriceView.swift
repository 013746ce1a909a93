// The latest price of every instrument, as a question can ask for it.

package import Codecs
package import Events
import Synchronization

/// Materialises `prices.latest`. Safe to use from any thread.
package final class LatestPriceView: TopicView {
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

  /// The latest price of an instrument, nil where there never was one.
  package func price(of instrument: String) -> Positioned<LatestPrice>? {
    state.withLock { state in
      unsafe state.value(of: instrument.utf8.span.bytes) { record throws(CodecError) in
        try LatestPrice(decoding: record)
      }
    }
  }

  /// All of them in the order of their keys' bytes, and the position at which they are all true.
  package func prices() -> (prices: [Positioned<LatestPrice>], position: ViewPosition) {
    let (prices, position) = state.withLock { state in
      (state.values { record throws(CodecError) in try LatestPrice(decoding: record) }, state.position)
    }
    let sorted = prices.sorted { $0.value.instrument.utf8.lexicographicallyPrecedes($1.value.instrument.utf8) }
    return (sorted, position)
  }
}
