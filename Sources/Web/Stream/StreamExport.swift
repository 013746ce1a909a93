// A range of a stream's history, piece by piece: what `millrace replay` prints and `/v1/streams` sends.

package import Codecs
internal import Core
internal import Events
package import Log

/// What of a stream is asked for.
package struct StreamRange: Sendable {
  package enum Format: String, Sendable, CaseIterable {
    /// A line for each record: the text of its `data` frame, byte for byte.
    case ndjson
    /// A header, then a row for each record.
    case csv
  }

  package var stream: String
  package var from = StreamBound.earliest
  /// nil: what is there when the export begins.
  package var to: StreamBound?
  /// nil: all keys.
  package var keys: [[UInt8]]?
  package var format = Format.ndjson
  /// No end: go on with what is appended, whenever asked. `to` is not used.
  package var isFollowing = false

  package init(stream: String) { self.stream = stream }
}

/// Renders a range, partition after partition, as fast as it is asked to. Belongs to one thread at a time.
package final class StreamExport<Log: EventLog>: @unchecked Sendable {  // Sendable: handed over, never shared.
  private struct Part {
    let partition: StreamPartition<Log.Partition>
    let window: LogWindow<Log.Partition>
    let reader: ReplayReader
    let start: Int64
    let end: Int64
    var isPrimed = false
  }

  private let renderer: RecordRenderer
  private var filter: KeyFilter
  private let table: CSVTable?
  private var parts: [Part] = []
  private var current = 0
  private let range: StreamRange
  /// Where nothing matches, a call still comes back after so many records.
  private var scannedMax = Int64.max
  /// The event time of the last record that was rendered, in milliseconds since 1970.
  package private(set) var eventTimeMillis: Int64?
  /// Records rendered so far.
  package private(set) var recordCount: Int64 = 0

  /// An export of its own over a log that nothing else here serves, such as one opened for reading.
  package convenience init(log: Log, range: StreamRange) throws(StreamFailure) {
    let catalog: StreamCatalog<Log>
    do throws(LogError) {
      catalog = try StreamCatalog(
        log: log, definitions: StreamDefinition.all, ringBytesMax: Limits.Stream.blockBytes,
        metrics: StreamMetrics(Metrics()))
    } catch {
      throw StreamFailure(.logFailed, "\(error)")
    }
    try self.init(catalog: catalog, range: range)
  }

  init(catalog: StreamCatalog<Log>, range: StreamRange) throws(StreamFailure) {
    guard let stream = catalog.directory.streams.firstIndex(where: { $0.definition.name == range.stream }) else {
      let known = catalog.directory.streams.map(\.definition.name).joined(separator: ", ")
      throw StreamFailure(.unknownStream, "there is no stream '\(range.stream)'; there are \(known)")
    }
    let entry = catalog.directory.streams[stream]
    self.range = range
    renderer = RecordRenderer(entry.definition, keys: entry.keys)
    filter = KeyFilter(range.keys, in: entry.keys)
    table = range.format == .csv ? CSVTable(entry.definition.topic) : nil
    for partition in catalog.partitions[stream] {
      guard let (start, end) = try bounds(in: partition.log) else { continue }
      parts.append(
        Part(
          partition: partition, window: LogWindow(partition.log), reader: ReplayReader(scan: start, previous: []),
          start: start, end: end))
    }
  }

  /// Where the range lies in a partition; nil if it has nothing of it.
  private func bounds(in log: Log.Partition) throws(StreamFailure) -> (Int64, Int64)? {
    guard let start = try offset(of: range.from, in: log) else { return nil }
    if range.isFollowing { return (start, .max) }
    guard let end = try offset(of: range.to ?? .end, in: log) else { return nil }
    return (start, min(end, log.highWatermark))
  }

  private func offset(of bound: StreamBound, in log: Log.Partition) throws(StreamFailure) -> Int64? {
    switch bound {
    case .earliest: return log.startOffset
    case .end: return log.highWatermark
    case .time(let millis):
      do throws(LogError) {
        return try log.offset(atOrAfter: millis)
      } catch {
        throw StreamFailure(reading: "the time index of \(log.topic)-\(log.index)", error)
      }
    case .position(let position):
      guard position.partition == log.index else { return nil }
      guard position.offset >= log.startOffset else {
        let earliest = StreamPosition(partition: log.index, offset: log.startOffset)
        throw StreamFailure(.positionExpired, "\(position) is no longer retained; the earliest is \(earliest)")
      }
      _ = try log.endsBefore(position.offset)
      return position.offset
    }
  }

  /// Where the range lies in each partition that has something of it: offsets from `start` to before `end`.
  package var bounds: [(partition: Int, start: Int64, end: Int64, epoch: UInt32)] {
    parts.map { ($0.partition.log.index, $0.start, $0.end, $0.partition.log.epoch) }
  }

  /// Records of the range, whether wanted or not, that are not looked at yet.
  package var remaining: Int64 {
    parts[current...].reduce(0) { $0 + max(0, min($1.end, $1.partition.log.highWatermark) - $1.reader.scan) }
  }

  /// The header of a table; nothing for lines.
  package func appendHeader(to writer: inout ByteWriter) { table?.appendHeader(to: &writer) }

  /// Appends rendered records until about `bytesMax` bytes or `recordsMax` records are there, about `scannedMax`
  /// records were looked at, or the range ends. False when nothing is left: for a following export, for now.
  package func next(
    into writer: inout ByteWriter, bytesMax: Int = 1 << 16, recordsMax: Int = .max, scannedMax: Int64 = .max
  ) throws(StreamFailure) -> Bool {
    self.scannedMax = scannedMax
    let limit = recordCount.addingReportingOverflow(Int64(clamping: recordsMax))
    let recordEnd = limit.overflow ? Int64.max : limit.partialValue
    let byteEnd = writer.count + bytesMax
    if range.isFollowing { return try nextOfAny(into: &writer, byteEnd: byteEnd, recordEnd: recordEnd) }
    while current < parts.count {
      if try fill(&parts[current], &writer, byteEnd: byteEnd, recordEnd: recordEnd) { return true }
      current += 1
    }
    return false
  }

  private func nextOfAny(
    into writer: inout ByteWriter, byteEnd: Int, recordEnd: Int64
  ) throws(StreamFailure) -> Bool {
    let before = recordCount
    for index in parts.indices where try fill(&parts[index], &writer, byteEnd: byteEnd, recordEnd: recordEnd) { break }
    return recordCount > before
  }

  /// Renders of one partition. Returns whether it stopped for want of room rather than of records.
  private func fill(
    _ part: inout Part, _ writer: inout ByteWriter, byteEnd: Int, recordEnd: Int64
  ) throws(StreamFailure) -> Bool {
    if !part.isPrimed {
      try prime(part)
      part.isPrimed = true
    }
    let (reader, window, end, partition) = (part.reader, part.window, part.end, part.partition.log.index)
    let scanStart = reader.scan
    while reader.scan < end, try window.seek(reader.scan) {
      var isFull = false
      try window.forEachRecord(from: reader.scan) { record throws(CodecError) in
        guard record.offset < end else { return false }
        if let key = renderer.key(of: record) {
          // Its key may have come into the table with this very record.
          filter.extend()
          if filter.matches(key) { show(record, partition, reader.previous[key: key], &writer) }
          reader.previous[key: key] = record.offset
        }
        reader.scan = record.offset + 1
        isFull = writer.count >= byteEnd || recordCount >= recordEnd
        return !isFull
      }
      if isFull { return true }
      reader.scan = min(window.end, end)
      if reader.scan - scanStart >= scannedMax { return true }
    }
    return false
  }

  /// Finds the previous positions of the keys at the start of the range.
  private func prime(_ part: Part) throws(StreamFailure) {
    let start = part.reader.scan
    if let snapshot = part.partition.previous.nearest(before: start) {
      part.reader.scan = max(snapshot.offset, part.partition.log.startOffset)
      part.reader.previous = snapshot.previous
    } else {
      part.reader.scan = part.partition.log.startOffset
    }
    while part.reader.scan < start, try part.window.seek(part.reader.scan) {
      try renderer.skim(part.window, part.reader, until: start)
    }
    part.reader.scan = start
  }

  private func show(
    _ record: borrowing RecordView, _ partition: Int, _ previous: Int64, _ writer: inout ByteWriter
  ) {
    renderer.render(record, partition: partition, previous: previous, form: .data) { frame in
      if let table {
        table.appendRow(of: frame, to: &writer)
      } else {
        writer.append(frame)
        writer.append(UInt8(ascii: "\n"))
      }
    }
    eventTimeMillis = record.timestampMillis
    recordCount += 1
  }
}

extension StreamServer {
  /// An export of what this server streams; it shares the server's index of previous positions.
  package func export(_ range: StreamRange) throws(StreamFailure) -> StreamExport<Log> {
    try StreamExport(catalog: catalog, range: range)
  }
}
