// From stored batches to outputs: what live processing, recovery, time travel and verification share.

import Codecs
package import Events

/// Reads the batches of one input partition in order: decodes each once, screens, folds, and collects dead letters. It
/// knows no log: bytes come in, records go out. Used by one thread at a time.
package final class FoldPipeline<Fold: Processor & ~Copyable> {
  package internal(set) var processor: Fold
  /// The next input offset.
  package internal(set) var position: Int64
  /// The derived topics: those of the processor, then the dead letters.
  package let topics: [Topic]
  let partition: Int
  private let screen: TickScreen
  var batch = TickBatch()
  var outputs: FoldOutputs
  /// Of the newest record so far that had one: a record that cannot be decoded has none of its own.
  var appendTime = Timestamp(nanos: 0)

  package init(
    _ processor: consuming Fold, screen: TickScreen = TickScreen(), partition: Int = 0, position: Int64 = 0
  ) {
    topics = processor.topics + [.deadTicks]
    self.processor = processor
    self.screen = screen
    self.partition = partition
    self.position = position
    outputs = FoldOutputs(topicCount: topics.count)
  }

  /// Folds the records in `bytes`, whole batches, from `position` up to and without `limit`. `body` is given the
  /// outputs of each batch, which it must take at once. Returns the number of records folded.
  package func fold(
    _ bytes: RawSpan, upTo limit: Int64 = .max, _ body: (borrowing FoldOutputs) throws(ProcessorError) -> Void
  ) throws(ProcessorError) -> Int {
    var start = 0
    let first = position
    while start < bytes.byteCount, position < limit {
      let rest = bytes.extracting(start..<bytes.byteCount)
      let header: RecordBatchHeader
      do throws(CodecError) {
        // The log has verified the checksums.
        header = try batch.decode(rest, verifyingChecksum: false, from: position)
        outputs.removeAll()
        foldRows(below: limit)
        if !outputs.rejections.isEmpty { try appendDeadLetters(rest) }
      } catch {
        throw .damagedInput(topic: Topic.ticks.name, partition: partition, offset: position, reason: error)
      }
      position = max(position, min(header.lastOffset + 1, limit))
      start += header.byteCount
      try body(outputs)
    }
    return Int(position - first)
  }

  private func foldRows(below limit: Int64) {
    if !batch.undecodable.isEmpty { rejectUndecodable(below: limit) }
    if let last = Self.fold(batch, below: limit, screen, &processor, &outputs) { appendTime = last }
  }

  /// Hands the rows to the processor in runs: a refused row ends one, and so does the size that fits the cache. Returns
  /// the last row's append time.
  private static func fold(
    _ batch: borrowing TickBatch, below limit: Int64, _ screen: TickScreen, _ processor: inout Fold,
    _ outputs: inout FoldOutputs
  ) -> Timestamp? {
    let rows = batch.rows
    var start = 0
    var index = 0
    while index < rows.count, rows[index].offset < limit {
      let rejection = screen.isPlainPrice(rows[index]) ? nil : screen.rejection(rows[index])
      if rejection != nil || index - start == ProcessorLimits.chunkRows {
        if index > start {
          processor.fold(rows.extracting(start..<index), batch, into: &outputs, firstTopic: 0)
        }
        start = index
      }
      if let rejection {
        outputs.rejections.append(rejection)
        start = index + 1
      }
      index += 1
    }
    if index > start {
      processor.fold(rows.extracting(start..<index), batch, into: &outputs, firstTopic: 0)
    }
    return index > 0 ? rows[index - 1].appendTime : nil
  }
}
