// The publisher's work on one partition: every new record looked at once, rendered once if anybody listens.

internal import Codecs
internal import Core
internal import Log

/// Follows one partition from its first retained record on; belongs to the publisher's thread.
final class PartitionTail<Log: EventLog> {
  private let partition: StreamPartition<Log.Partition>
  private let renderer: RecordRenderer
  private let metrics: StreamMetrics
  private let window: LogWindow<Log.Partition>
  private var epoch: UInt32
  private(set) var position: Int64
  /// By key index: the last offset before `position`.
  private var previous: [Int64] = []
  /// The block that still has room, whose frames so far are published.
  private var block: FrameBlock?
  private var update = RingUpdate()
  private var isRendering = false

  init(_ partition: StreamPartition<Log.Partition>, renderer: RecordRenderer, metrics: StreamMetrics) {
    self.partition = partition
    self.renderer = renderer
    self.metrics = metrics
    window = LogWindow(partition.log)
    epoch = partition.log.epoch
    position = partition.log.startOffset
    partition.ring.restart(at: position, epoch: epoch)
  }

  var highWatermark: Int64 { partition.log.highWatermark }

  /// Takes in what the log has, a bounded amount at once. Returns whether there was anything.
  func advance(isRendering wanted: Bool) throws(StreamFailure) -> Bool {
    if partition.log.epoch != epoch { restart() }
    if position < partition.log.startOffset { skipExpired() }
    guard partition.log.highWatermark > position, try window.seek(position) else { return false }
    isRendering = wanted
    if !wanted { block = nil }
    var bytes = try takeBatch()
    while bytes < Limits.Stream.readBytes, partition.log.highWatermark > position {
      guard try window.seek(position) else { break }
      bytes += try takeBatch()
    }
    partition.previous.offer(previous, at: position)
    return true
  }

  /// The log cannot be read on.
  func fail(_ failure: StreamFailure) { partition.ring.fail(failure) }

  /// The history was rebuilt differently: nothing of before holds.
  private func restart() {
    epoch = partition.log.epoch
    position = partition.log.startOffset
    previous = []
    block = nil
    update = RingUpdate()
    partition.previous.removeAll()
    partition.ring.restart(at: position, epoch: epoch)
  }

  /// Retention went past this place. What was not looked at was not shown either: the ring begins behind it.
  private func skipExpired() {
    position = partition.log.startOffset
    block = nil
    isRendering = false
    publish()
  }

  private func takeBatch() throws(StreamFailure) -> Int {
    var bytes = 0
    try window.forEachRecord(from: position) { record throws(CodecError) in
      bytes += record.value.byteCount
      take(record)
      position = record.offset + 1
      // Published in the middle of a large batch, so that its first record does not wait for its last.
      if !update.runs.isEmpty { publish() }
      return true
    }
    position = window.end
    publish()
    return bytes
  }

  private func take(_ record: borrowing RecordView) {
    update.watermarkMillis = max(update.watermarkMillis, record.timestampMillis)
    guard let key = renderer.key(of: record) else { return }
    if isRendering {
      let offset = record.offset
      let eventTimeMillis = record.timestampMillis
      renderer.render(record, partition: partition.log.index, previous: previous[key: key], form: .data) { payload in
        append(payload, offset: offset, eventTimeMillis: eventTimeMillis, key: key)
      }
    }
    previous[key: key] = record.offset
    update.newest.append(RingUpdate.Newest(slot: renderer.slot(of: record, key: key), offset: record.offset))
  }

  private func append(_ payload: RawSpan, offset: Int64, eventTimeMillis: Int64, key: Int32) {
    if block?.append(payload, offset: offset, eventTimeMillis: eventTimeMillis, key: key) != true {
      seal()
      let fresh = FrameBlock(fitting: payload)
      // Fits: the block is as large as the frame needs.
      _ = fresh.append(payload, offset: offset, eventTimeMillis: eventTimeMillis, key: key)
      block = fresh
    }
    metrics.encodedFrames.add()
  }

  /// Notes the open block as grown; another one follows.
  private func seal() {
    if let block { update.runs.append(block.written) }
    block = nil
  }

  private func publish() {
    if let block { update.runs.append(block.written) }
    update.end = position
    update.isRendered = isRendering
    partition.ring.publish(update)
    update.runs.removeAll(keepingCapacity: true)
    update.newest.removeAll(keepingCapacity: true)
  }
}
