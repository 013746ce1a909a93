// After a crash: is every acknowledged event there, once, with its payload; is everything derived what an undisturbed
// run derives; does the log go on.

import Codecs
import Core
import Events
import Glibc
import Kit
import Log
import Processors

/// Opens the victim's log as its next start would, and compares it with the ledger.
struct LedgerCheck {
  private let victim: VictimLog
  private let ledgerPath: String
  private let options: LogOptions
  /// With it, the input was one run of this script from its first event on: what retention took is made again.
  private let script: EventScript?
  private let hasRetention: Bool
  private var violations: [String] = []

  init(_ arguments: Arguments) throws {
    options = try VictimLog.options(arguments)
    script = arguments.optional("script").flatMap(UInt64.init).map(EventScript.init)
    hasRetention = try arguments.number("retention-bytes", 0) > 0
    ledgerPath = try arguments.text("ledger")
    victim = try VictimLog(
      arguments.text("data"), partitions: try arguments.number("partitions", 1), options: options,
      retentionBytes: try arguments.number("retention-bytes", 0))
  }

  mutating func run() throws -> Int32 {
    defer { victim.log.close() }
    let acknowledged = try ledger()
    var events = 0
    var derived: Int64 = 0
    var seen = Set<UInt64>()
    for index in 0..<victim.partitions {
      let stored = try RecordDigest.all(of: try victim.input(index))
      events += stored.count
      compare(stored, with: acknowledged[index], partition: index, start: try victim.input(index).startOffset)
      for (offset, digest) in stored where !seen.insert(digest.record).inserted {
        violations.append("twice \(index) \(offset)")
      }
      derived += try checkDerived(index)
      try checkAppend(index)
    }
    for violation in violations.prefix(20) { print(violation) }
    let count = acknowledged.reduce(0) { $0 + $1.count }
    print("checked events=\(events) acknowledged=\(count) derived=\(derived) violations=\(violations.count)")
    return violations.isEmpty ? 0 : 1
  }

  private func ledger() throws -> [[Int64: UInt64]] {
    var entries = [[Int64: UInt64]](repeating: [:], count: victim.partitions)
    for line in String(decoding: TestFile.read(ledgerPath), as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count == 4, fields[0] == "a", let partition = Int(fields[1]), entries.indices.contains(partition),
        let offset = Int64(fields[2]), let digest = UInt64(fields[3], radix: 16)
      else { throw UsageError(text: "a ledger with the line '\(line)'") }
      entries[partition][offset] = digest
    }
    return entries
  }

  private mutating func compare(
    _ stored: [Int64: StoredDigest], with acknowledged: [Int64: UInt64], partition: Int, start: Int64
  ) {
    if start > 0, !hasRetention { violations.append("begins \(partition) at \(start)") }
    for (offset, digest) in acknowledged where offset >= start {
      switch stored[offset]?.record {
      case digest: continue
      case nil: violations.append("lost \(partition) \(offset)")
      default: violations.append("wrong \(partition) \(offset)")
      }
    }
  }

  /// Folds the rest, then folds everything in a log of its own that nothing disturbs. Returns the number of records.
  private mutating func checkDerived(_ index: Int) throws -> Int64 {
    let task = try victim.task(index, checkpointRecords: .max)
    // A checkpoint that is there counts outputs that are there: after no crash is one passed over.
    violations += task.recovery.warnings.map { "checkpoint \(index) \($0)" }
    while try task.step() != .caughtUp {}
    try task.checkpointNow()
    let directory = TemporaryDirectory(in: access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil)
    let undisturbed = try VictimLog(directory.path, partitions: victim.partitions, options: LogOptions())
    defer { undisturbed.log.close() }
    try copyInput(index, to: undisturbed)
    let other = try undisturbed.task(index, checkpointRecords: .max)
    while try other.step() != .caughtUp {}
    try other.checkpointNow()
    var count: Int64 = 0
    for (ours, theirs) in zip(try victim.outputs(index), try undisturbed.outputs(index)) {
      let (found, expected) = (try RecordDigest.all(of: ours), try RecordDigest.all(of: theirs))
      count += Int64(found.count)
      guard found != expected, !isCompacted(ours, found, of: expected) else { continue }
      let first = expected.keys.sorted().first { found[$0] != expected[$0] } ?? Int64(expected.count)
      violations.append("derived \(ours.topic) \(index) from \(first), \(found.count) for \(expected.count)")
    }
    return count
  }

  /// Whether only such records of `expected` are not in `found` of which the key has a newer one there.
  private func isCompacted(
    _ partition: EmbeddedPartition, _ found: [Int64: StoredDigest], of expected: [Int64: StoredDigest]
  ) -> Bool {
    guard hasRetention, partition.topic == Topic.latest.name, found.allSatisfy({ expected[$0.key] == $0.value })
    else { return false }
    var newest: [UInt64: Int64] = [:]
    for (offset, digest) in found { newest[digest.key] = max(newest[digest.key] ?? -1, offset) }
    return expected.allSatisfy { offset, digest in
      found[offset] != nil || (newest[digest.key] ?? -1) > offset
    }
  }

  private mutating func copyInput(_ index: Int, to other: VictimLog) throws {
    let (input, copy) = (try victim.input(index), try other.input(index))
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var writer = RecordBatchWriter()
    if let script, index == 0 {
      // What is left must be what the script says; what is gone, too, had it stayed.
      let copied = script.batches(0..<Int(input.highWatermark))
      for batch in copied { try copy.append(batch, completion: nil) }
      try copy.sync()
      let (ours, theirs) = (try RecordDigest.all(of: input), try RecordDigest.all(of: copy))
      for (offset, digest) in ours where theirs[offset] != digest { violations.append("not scripted: \(offset)") }
      return
    }
    var offset = input.startOffset
    while try input.read(from: offset, maxBytes: 1 << 18, into: &buffer) {
      var rest = buffer.bytes
      while rest.byteCount > 0 {
        let header = try reader.open(rest, verifyingChecksum: true)
        try reader.forEachRecord { (record: RecordView) throws(CodecError) in
          writer.append(
            timestampMillis: record.timestampMillis, key: record.hasKey ? record.key : nil,
            value: record.hasValue ? record.value : nil)
        }
        offset = header.lastOffset + 1
        rest = rest.extracting(droppingFirst: header.byteCount)
        // Batches of other sizes: no boundary may be seen in what is derived.
        if writer.recordCount > 700 { try copy.append(writer.finish(), completion: nil) }
      }
      buffer.removeAll()
    }
    if writer.recordCount > 0 { try copy.append(writer.finish(), completion: nil) }
    try copy.sync()
  }

  /// The next append gets the next offset. It is no tick, so it is in no later run's way.
  private mutating func checkAppend(_ index: Int) throws {
    let input = try victim.input(index)
    let (end, answer) = (input.highWatermark, Monitor<Result<Int64, LogError>?>(nil))
    var writer = RecordBatchWriter()
    let content = Array("checked \(index) at \(end)".utf8)
    writer.append(timestampMillis: 0, key: nil, value: content.span.bytes)
    try input.append(writer.finish()) { result in
      answer.withLock { $0 = result }
      answer.broadcast()
    }
    let offset = try answer.wait { $0 }.get()
    if offset != end { violations.append("the next append got \(offset), not \(end)") }
  }
}
