// All that one partition ever held, and what compaction may leave out of it.

struct History {
  /// By offset.
  private(set) var records: [StoredDigest] = []
  /// By offset: that of the next record of the same key, if there is one.
  private var successors: [Int64] = []
  private var newest: [ByteDigest: Int64] = [:]

  var end: Int64 { Int64(records.count) }

  subscript(offset: Int64) -> StoredDigest? { offset < end ? records[Int(offset)] : nil }

  mutating func append(_ record: StoredDigest) {
    if let key = record.key, let last = newest.updateValue(end, forKey: key) { successors[Int(last)] = end }
    records.append(record)
    successors.append(.max)
  }

  /// Forgets what came from `end` on.
  mutating func cut(to end: Int64) {
    var shorter = History()
    for record in records.prefix(Int(end)) { shorter.append(record) }
    self = shorter
  }

  /// Whether the key of the record has a newer one before `end`.
  func isSuperseded(_ offset: Int64, below end: Int64) -> Bool {
    offset < self.end && successors[Int(offset)] < end
  }

  /// The first offset from `start` on and below `end` that is not before the time.
  func offset(atOrAfter timestampMillis: Int64, from start: Int64, below end: Int64) -> Int64 {
    Int64(records[Int(start)..<Int(end)].firstIndex { $0.timestampMillis >= timestampMillis } ?? Int(end))
  }
}
