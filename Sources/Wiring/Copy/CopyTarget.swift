// The writing side of a copy: how each kind of log takes a chunk so that a crash leaves no doubt where it stopped.

import Codecs
import Core
import Log
import LogKafka

protocol CopyTarget {
  associatedtype Log: EventLog
  var log: Log { get }

  /// Appends the chunk's records, and its note to `notes`. Afterwards both are durable. After a crash, or
  /// an error, either the note is not there and no record is, or the note is and the partition's end tells how many
  /// records are.
  func write(
    _ chunk: CopyChunk, of source: CopySource, to partition: Log.Partition, notes: Log.Partition
  ) throws(LogError)
}

/// An embedded log, which only this process writes: the note goes first.
struct EmbeddedCopyTarget: CopyTarget {
  let log: EmbeddedLog

  func write(
    _ chunk: CopyChunk, of source: CopySource, to partition: EmbeddedPartition, notes: EmbeddedPartition
  ) throws(LogError) {
    try notes.appendDurably(source.note(of: chunk, at: partition.highWatermark, in: partition))
    // One after the other: behind one that a full disk refused no other may take its place.
    for batch in chunk.batches { try partition.appendDurably(batch) }
    try partition.sync()
  }
}

/// A Kafka cluster: records and note are one transaction.
struct KafkaCopyTarget: CopyTarget {
  let log: KafkaLog
  let writer: KafkaCopyWriter

  func write(
    _ chunk: CopyChunk, of source: CopySource, to partition: KafkaPartition, notes: KafkaPartition
  ) throws(LogError) {
    try writer.write(chunk.batches, to: partition, notes: notes) { first in
      source.note(of: chunk, at: first, in: partition)
    }
  }
}

/// Where a chunk comes from.
struct CopySource: Sendable {
  var key: String
  var epoch: UInt32

  /// What the target notes of a chunk that begins at `offset` there.
  func note<Partition: PartitionLog>(of chunk: CopyChunk, at offset: Int64, in partition: Partition) -> EncodedBatch {
    var writer = RecordBatchWriter()
    let key = Array(key.utf8)
    let value = chunk.note(at: offset, CopyEpochs(source: epoch, target: partition.epoch))
    unsafe writer.append(
      timestampMillis: SystemClock().wallNanos() / 1_000_000, key: key.span.bytes, value: value.span.bytes)
    return writer.finish()
  }
}

extension PartitionLog {
  /// Appends and waits until that is durable. Returns the first record's offset.
  @discardableResult func appendDurably(_ batch: EncodedBatch) throws(LogError) -> Int64 {
    let outcome = Monitor<Result<Int64, LogError>?>(nil)
    try append(batch) { result in
      outcome.withLock { $0 = result }
      outcome.broadcast()
    }
    return try outcome.wait { $0 }.get()
  }
}
