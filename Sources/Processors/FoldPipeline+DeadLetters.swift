// What could not be decoded or applied: kept whole, with the reason.

package import Codecs
import Events

extension FoldPipeline where Fold: ~Copyable {
  /// Notes the records of the batch that are no ticks. They have no append time of their own: that of the newest record
  /// before them stands in.
  func rejectUndecodable(below limit: Int64) {
    for undecodable in batch.undecodable where undecodable.offset < limit {
      outputs.rejections.append(
        Rejection(
          offset: undecodable.offset, reason: .undecodable, detail: Self.detail(undecodable.error),
          eventTime: Timestamp(millis: undecodable.timestampMillis),
          appendTime: Self.appendTime(before: undecodable.offset, in: batch.rows) ?? appendTime))
    }
  }

  private static func appendTime(before offset: Int64, in rows: Span<TickRow>) -> Timestamp? {
    var (low, high) = (0, rows.count)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : rows[low - 1].appendTime
  }

  private static func detail(_ error: CodecError) -> String {
    switch error {
    case .truncated(let at): "truncated at byte \(at)"
    case .malformed(let at, let reason), .tooLarge(let at, let reason): "\(reason) at byte \(at)"
    case .checksumMismatch: "a checksum that does not match"
    }
  }

  /// Turns the rejections into records, in the order of their offsets; of several for one record the first counts.
  /// Reads the batch that `bytes` begin with once more: this is rare.
  func appendDeadLetters(_ bytes: RawSpan) throws(CodecError) {
    // Each stage noted its own in order; a stable order keeps the first stage's first.
    let sorted = outputs.rejections.enumerated().sorted {
      ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset)
    }
    var reader = RecordBatchReader()
    try reader.open(bytes, verifyingChecksum: false)
    var cursor = reader.records
    var next = 0
    while next < sorted.count, try cursor.advance() {
      let rejection = sorted[next].element
      guard cursor.record.offset == rejection.offset else { continue }
      append(rejection, cursor.record)
      while next < sorted.count, sorted[next].element.offset == rejection.offset { next += 1 }
    }
  }

  private func append(_ rejection: Rejection, _ record: RecordView) {
    let letter = DeadLetter(
      topic: Topic.ticks.name, partition: Int32(truncatingIfNeeded: partition), offset: rejection.offset,
      reason: rejection.reason, detail: rejection.detail, key: [UInt8](record.key), value: [UInt8](record.value),
      eventTime: rejection.eventTime, appendTime: rejection.appendTime)
    outputs[topic: topics.count - 1].append(
      timestampMillis: record.timestampMillis, key: record.key, cause: rejection.offset
    ) { letter.encode(into: &$0) }
  }

  /// Appends what a restart needs of the pipeline: names, the processor's state, and the last append time.
  package func save(into writer: inout ByteWriter) {
    batch.instruments.save(into: &writer)
    batch.sources.save(into: &writer)
    writer.append(littleEndian: appendTime.nanos)
    processor.save(into: &writer)
  }

  /// Takes over what `save` wrote, at `position`. The receiver is new; after an error it must be thrown away.
  package func restore(from reader: inout ByteReader, position: Int64) throws(CodecError) {
    try batch.instruments.restore(from: &reader)
    try batch.sources.restore(from: &reader)
    appendTime = Timestamp(nanos: try reader.read(littleEndian: Int64.self))
    try processor.restore(from: &reader)
    self.position = position
  }
}
