// The thread that keeps the views up to date.

import Codecs
import Core
import Log
import Projections
import Synchronization

/// Follows the derived topics and applies every batch to its view, on a thread of its own. Safe to use from any thread.
final class ViewTail<Log: EventLog>: Sendable {
  typealias Apply =
    @Sendable (_ batch: borrowing RecordBatchReader, _ offset: Int64, _ partition: Int, _ epoch: UInt32)
    throws(CodecError) -> Void

  /// A topic and the view it feeds.
  struct Feed: Sendable {
    let topic: String
    let apply: Apply
    let forget: @Sendable (Int) -> Void

    init(_ topic: String, _ view: some TopicView) {
      self.topic = topic
      apply = { batch, offset, partition, epoch throws(CodecError) in
        try view.apply(batch, from: offset, partition: partition, epoch: epoch)
      }
      forget = { view.forget(partition: $0) }
    }
  }

  private struct Cursor {
    let feed: Feed
    let partition: Log.Partition
    var next: Int64
    var epoch: UInt32
    /// The high watermark seen at the start: until there, the views are catching up.
    let target: Int64
    var isFailed = false
  }

  private struct Progress {
    var isCaughtUp = false
    var failure: String?
  }

  private let log: Log
  private let feeds: [Feed]
  private let logger: Logger
  private let progress = Mutex(Progress())
  private let isStopping = Atomic<Bool>(false)
  private let thread = Mutex<NamedThread?>(nil)

  init(log: Log, feeds: [Feed], logger: Logger) {
    self.log = log
    self.feeds = feeds
    self.logger = logger
  }

  /// Why the views do not answer yet, or not any more; nil when they are up to date.
  var unreadyReason: String? {
    progress.withLock { progress in
      progress.failure ?? (progress.isCaughtUp ? nil : "reading the history of the derived topics")
    }
  }

  func start() throws(LogError) {
    var cursors: [Cursor] = []
    for feed in feeds {
      guard let settings = log.topics().first(where: { $0.name == feed.topic }) else { continue }
      for index in 0..<settings.partitions {
        let partition = try log.partition(feed.topic, index)
        cursors.append(
          Cursor(
            feed: feed, partition: partition, next: partition.startOffset, epoch: partition.epoch,
            target: partition.highWatermark))
      }
    }
    let initial = cursors
    thread.withLock { $0 = NamedThread("views") { [self] in run(initial) } }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    thread.withLock { $0 }?.join()
  }

  private func run(_ initial: [Cursor]) {
    var cursors = initial
    var reader = RecordBatchReader()
    var bytes = ByteWriter(capacity: Limits.viewReadBytes)
    while !isStopping.load(ordering: .acquiring) {
      let generation = log.generation
      var hasMoved = false
      for index in cursors.indices where !cursors[index].isFailed {
        do throws(LogError) {
          if try advance(&cursors[index], &reader, &bytes) { hasMoved = true }
        } catch  where error.isPassing {
          // The log is out of reach, which is said of the log: the view goes on once it is back.
        } catch {
          cursors[index].isFailed = true
          fail("\(cursors[index].feed.topic)-\(cursors[index].partition.index): \(error)")
        }
      }
      if cursors.allSatisfy({ $0.next >= $0.target }) { progress.withLock { $0.isCaughtUp = true } }
      if !hasMoved { _ = log.waitForChange(after: generation, timeoutNanos: Limits.viewWaitNanos) }
    }
  }

  private func fail(_ reason: String) {
    progress.withLock { $0.failure = reason }
    logger.error("a view cannot go on", ["reason": reason])
  }

  /// Applies the next batches of a partition; false at its end.
  private func advance(
    _ cursor: inout Cursor, _ reader: inout RecordBatchReader, _ bytes: inout ByteWriter
  ) throws(LogError) -> Bool {
    let partition = cursor.partition
    if partition.epoch != cursor.epoch {
      cursor.feed.forget(partition.index)
      cursor.epoch = partition.epoch
      cursor.next = partition.startOffset
    }
    bytes.removeAll()
    do throws(LogError) {
      guard try partition.read(from: cursor.next, maxBytes: Limits.viewReadBytes, into: &bytes) else { return false }
    } catch .beforeStart(let earliest) {
      cursor.next = earliest
      return true
    } catch .afterEnd {
      // Cut back for recovery: the same records are being generated again.
      return false
    }
    var start = 0
    while start < bytes.count {
      do throws(CodecError) {
        let batch = bytes.bytes.extracting(start..<bytes.count)
        let header = try reader.open(batch, verifyingChecksum: false)
        try cursor.feed.apply(reader, cursor.next, partition.index, cursor.epoch)
        cursor.next = header.lastOffset + 1
        start += header.byteCount
      } catch {
        throw .failed("the batch at \(cursor.next) does not decode: \(error)")
      }
    }
    return true
  }
}
