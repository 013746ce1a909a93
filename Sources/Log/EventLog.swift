// The one port to events: two implementations, the embedded log and Apache Kafka, pass the same suite.

package import Codecs

/// What became of an append: the offset of its first record, once durable, or why there is none.
package typealias AppendCompletion = @Sendable (Result<Int64, LogError>) -> Void

/// One partition of one topic. Safe to use from any thread.
package protocol PartitionLog: AnyObject, Sendable {
  var topic: String { get }
  var index: Int { get }
  /// Changes when the partition's history was rebuilt differently, so that no position of before is accepted.
  var epoch: UInt32 { get }
  /// The first retained offset.
  var startOffset: Int64 { get }
  /// The offset after the last record that readers may see. Never goes back while the log is open.
  var highWatermark: Int64 { get }
  /// The same as of now: where other processes write too, it asks. Blocks. Errors: `.unavailable`.
  func latestEnd() throws(LogError) -> Int64

  /// Queues `batch`; blocks while the queue is full. `completion` runs on the log's own thread when the batch is
  /// as durable as the topic's `Durability` says, and can be read; it must not block nor append. Errors:
  /// `.invalidBatch`, `.failed`, `.closed` at once, others through the completion.
  func append(_ batch: EncodedBatch, completion: AppendCompletion?) throws(LogError)

  /// Appends whole batches, below the high watermark, to `buffer`, beginning with the one that holds `offset`; at
  /// least one batch if there is any, at most about `maxBytes`. Returns false, with nothing appended, at the high
  /// watermark. The first batch may begin before `offset`: skip its earlier records. Where offsets have gaps (Apache
  /// Kafka's transactions and compaction leave them) a batch may hold fewer records than offsets, even none: go on at
  /// its last offset + 1. Checksums were verified: damage is `.corrupt`, naming file and byte, so that who decodes the
  /// bytes need not check again.
  func read(from offset: Int64, maxBytes: Int, into buffer: inout ByteWriter) throws(LogError) -> Bool

  /// The first offset whose record's timestamp is at or after `timestampMillis`; the high watermark if there is none.
  /// Exact to the record, also where timestamps are not in order: later records may then be of an earlier time.
  func offset(atOrAfter timestampMillis: Int64) throws(LogError) -> Int64

  /// Waits until all that was appended so far is on disk.
  func sync() throws(LogError)

  /// Cuts a derived partition back to end at `offset`, before it is generated again. No append may be under way. At its
  /// end nothing is cut, but it takes appends again after one was refused.
  /// `.inputTopic` for others, `.afterEnd` if the partition is shorter than `offset`, `.notCuttable` where no partition
  /// can be cut.
  func truncate(to offset: Int64) throws(LogError)

  /// Empties a derived partition and changes its epoch, because its history will be generated differently. Errors: as
  /// `truncate`.
  func reset() throws(LogError)

  /// Tells that records before `offset` are not needed any more to make derived topics again, nor to go on with them:
  /// they may fall to retention and compaction. Until this is called, nothing of an input partition is held back, and
  /// all of a derived one. Not remembered after closing: call it at every start.
  func release(below offset: Int64)
}

extension PartitionLog {
  package func latestEnd() throws(LogError) -> Int64 { highWatermark }
  package func release(below offset: Int64) {}
}

/// A set of topics. Closing it ends all waits and completes all queued appends.
package protocol EventLog: AnyObject, Sendable {
  associatedtype Partition: PartitionLog

  /// Creates the topic, or checks that the existing one is the same, and puts its policy in force.
  func createTopic(_ settings: TopicSettings) throws(LogError)
  func topics() -> [TopicSettings]
  func partition(_ topic: String, _ index: Int) throws(LogError) -> Partition

  /// Blocks until a high watermark of this log changed after `generation` was read, or the time is over. Returns the
  /// current generation. Read it first, then the partitions, then wait: no change is missed.
  func waitForChange(after generation: UInt64, timeoutNanos: Int64) -> UInt64
  var generation: UInt64 { get }

  func close()
}
