// Candles that are no longer in memory, from the topic itself.

import Codecs
import Core
import Events
import Log
import Projections

/// Reads the candles of one instrument and interval that start in `[from, to)` from the log, each in its newest
/// revision. Runs on a worker's thread: it reads as much of the log as the range needs.
struct CandleScan<Log: EventLog> {
  let log: Log
  let question: CandleQuestion
  let bytesMax: Int

  /// Nil where the range holds more than `bytesMax` of the log.
  func run() throws(LogError) -> [Positioned<Candle>]? {
    guard let settings = log.topics().first(where: { $0.name == Topic.candles.name }) else { return [] }
    let key = Array(question.instrument.utf8)
    let index = unsafe Murmur2.partition(key: key.span.bytes, count: settings.partitions)
    let partition = try log.partition(settings.name, index)
    // A candle's final revision is caused by a record after its end: nothing before `from` is needed.
    var next =
      question.from.nanos == .min
      ? partition.startOffset : try partition.offset(atOrAfter: question.from.millis)
    var reader = RecordBatchReader()
    var bytes = ByteWriter(capacity: Limits.viewReadBytes)
    var found: [Timestamp: Positioned<Candle>] = [:]
    var isPast = false
    var scannedBytes = 0
    while !isPast {
      if scannedBytes > bytesMax { return nil }
      bytes.removeAll()
      do throws(LogError) {
        guard try partition.read(from: next, maxBytes: Limits.viewReadBytes, into: &bytes) else { break }
      } catch .beforeStart(let earliest) {
        // Retention was faster: what is left is what there is.
        next = earliest
        continue
      }
      scannedBytes += bytes.count
      var start = 0
      while start < bytes.count, !isPast {
        do throws(CodecError) {
          let header = try reader.open(bytes.bytes.extracting(start..<bytes.count), verifyingChecksum: false)
          isPast = try collect(reader, key, partition, into: &found)
          next = header.lastOffset + 1
          start += header.byteCount
        } catch {
          throw .failed("the batch at \(next) does not decode: \(error)")
        }
      }
    }
    return found.values.sorted { $0.value.start < $1.value.start }
  }

  /// Returns true once a final candle at or after `to` was seen: finals come in order, so no more can change.
  private func collect(
    _ reader: borrowing RecordBatchReader, _ key: [UInt8], _ partition: Log.Partition,
    into found: inout [Timestamp: Positioned<Candle>]
  ) throws(CodecError) -> Bool {
    var records = reader.records
    while try records.advance() {
      let record = records.record
      guard record.key.byteCount == key.count, [UInt8](record.key) == key, let candle = try? Candle(decoding: record),
        candle.interval == question.interval
      else { continue }
      if candle.isFinal, candle.start >= question.to { return true }
      guard candle.start >= question.from, candle.start < question.to else { continue }
      if let known = found[candle.start], known.value.revision > candle.revision { continue }
      found[candle.start] = Positioned(
        value: candle, partition: partition.index, offset: record.offset, epoch: partition.epoch)
      // Bounded by what may be answered: of the first ones asked for, no later one is of interest; of the newest, no
      // earlier one.
      if found.count > 2 * Limits.listedMax { trim(&found) }
    }
    return false
  }

  private func trim(_ found: inout [Timestamp: Positioned<Candle>]) {
    let starts = found.keys.sorted()
    let dropped = question.takesNewest ? starts.dropLast(Limits.listedMax + 1) : starts.dropFirst(Limits.listedMax + 1)
    for start in dropped { found[start] = nil }
  }
}
