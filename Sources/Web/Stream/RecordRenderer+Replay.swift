// The loops of a replay over the open batch of a window.

internal import Codecs
internal import Log

extension [Int64] {
  /// The entry of a key, -1 for none.
  subscript(key index: Int32) -> Int64 {
    @inline(__always) get { Int(index) < count ? self[Int(index)] : -1 }
    @inline(__always) set {
      while Int(index) >= count { append(-1) }
      self[Int(index)] = newValue
    }
  }
}

extension RecordRenderer {
  /// Moves `reader` over the records before `end` without showing them.
  func skim<Partition>(
    _ window: LogWindow<Partition>, _ reader: ReplayReader, until end: Int64
  ) throws(StreamFailure) {
    try window.forEachRecord(from: reader.scan) { record throws(CodecError) in
      guard record.offset < end else { return false }
      if let key = key(of: record) { reader.previous[key: key] = record.offset }
      reader.watermarkMillis = max(reader.watermarkMillis, record.timestampMillis)
      return true
    }
    reader.scan = min(window.end, end)
  }

  /// Shows what `filter` wants of the records from the reader's place on, until the batch or the block ends. Returns
  /// the bytes looked at.
  func fill<Partition>(
    _ fill: BlockFill, from window: LogWindow<Partition>, _ reader: ReplayReader, partition: Int, _ filter: KeyFilter
  ) throws(StreamFailure) -> Int {
    var scanned = 0
    try window.forEachRecord(from: reader.scan) { record throws(CodecError) in
      scanned += record.value.byteCount
      if let key = key(of: record) {
        if filter.matches(key) {
          let previous = reader.previous[key: key]
          guard show(record, partition, previous, .data, key, fill) else { return false }
        }
        reader.previous[key: key] = record.offset
      }
      reader.watermarkMillis = max(reader.watermarkMillis, record.timestampMillis)
      reader.scan = record.offset + 1
      return true
    }
    if !fill.isFull { reader.scan = window.end }
    return scanned
  }

  /// Shows the records of the open batch that are next in the reader's state.
  func fill<Partition>(
    _ fill: BlockFill, from window: LogWindow<Partition>, stateOf reader: ReplayReader, partition: Int
  ) throws(StreamFailure) {
    guard let first = reader.state.first else { return }
    try window.forEachRecord(from: first) { record throws(CodecError) in
      // What is wanted but not there was compacted away meanwhile: a newer one follows as data.
      while let wanted = reader.state.first, wanted < record.offset { reader.state.removeFirst() }
      guard let wanted = reader.state.first else { return false }
      guard record.offset == wanted else { return true }
      if let key = key(of: record) {
        guard show(record, partition, -1, reader.form, key, fill) else { return false }
        reader.watermarkMillis = max(reader.watermarkMillis, record.timestampMillis)
      }
      reader.state.removeFirst()
      return !reader.state.isEmpty
    }
    if !fill.isFull {
      while let wanted = reader.state.first, wanted < window.end { reader.state.removeFirst() }
    }
  }

  private func show(
    _ record: borrowing RecordView, _ partition: Int, _ previous: Int64, _ form: ReplayReader.Form, _ key: Int32,
    _ fill: BlockFill
  ) -> Bool {
    var fits = false
    let offset = record.offset
    let eventTimeMillis = record.timestampMillis
    render(record, partition: partition, previous: previous, form: form) { payload in
      fits = fill.append(payload, offset: offset, eventTimeMillis: eventTimeMillis, key: key)
    }
    return fits
  }
}
