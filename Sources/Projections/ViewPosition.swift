// How far a view has come, for each partition of its topic.

package import Codecs

/// The state of a view is that of the topic up to and with these records.
package struct ViewPosition: Hashable, Sendable {
  /// The last record applied in each partition; -1 where there is none yet.
  package var offsets: [Int64]
  package var epochs: [UInt32]

  package init(partitionCount: Int) {
    offsets = Array(repeating: -1, count: partitionCount)
    epochs = Array(repeating: 0, count: partitionCount)
  }

  /// `0:41,1:7`, in the order of the partitions.
  package var text: String {
    offsets.enumerated().map { "\($0.offset):\($0.element)" }.joined(separator: ",")
  }

  /// The epochs in the same order.
  package var epochText: String { epochs.map { String($0) }.joined(separator: ",") }
}

/// A value of a view and the record that it came from.
package struct Positioned<Value: Sendable>: Sendable {
  package let value: Value
  package let partition: Int
  package let offset: Int64
  package let epoch: UInt32

  package init(value: Value, partition: Int, offset: Int64, epoch: UInt32) {
    self.value = value
    self.partition = partition
    self.offset = offset
    self.epoch = epoch
  }
}

/// What a view is fed with: the records of one batch of one partition.
package protocol TopicView: Sendable {
  /// Applies the records of the open batch from `offset` on; one that does not decode is left out, as the folds do.
  /// Batches of a partition come in order. Throws where the batch itself is damaged.
  func apply(
    _ batch: borrowing RecordBatchReader, from offset: Int64, partition: Int, epoch: UInt32
  ) throws(CodecError)
  /// Forgets a partition whose history was generated anew.
  func forget(partition: Int)
}
