// A closed log of one partition, its bytes and what they hold, to be damaged and looked at many thousand times.

import Codecs
import Core
import Glibc
import Kit
import Log

/// One segment as it was written.
struct IntactSegment {
  struct Batch {
    var position: Int
    var firstOffset: Int64
    var endOffset: Int64
  }
  var path: String
  var bytes: [UInt8]
  var batches: [Batch]

  /// The batch that holds the byte.
  func batch(at byte: Int) -> Int { batches.lastIndex { $0.position <= byte } ?? 0 }
}

/// What came of looking at a damaged log.
enum Finding: Equatable {
  /// All that was read is right, and it ends at this offset.
  case read(end: Int64, cutAt: Int64?)
  case refused(file: String, byte: Int64)
  /// What must not be.
  case wrong(String)
}

/// Two segments of exactly `segmentBytes`, the first of them sealed, in batches of random size and content.
struct DamagedLog {
  static let topic = "ticks"
  let directory: String
  let options: LogOptions
  private(set) var digests: [UInt64] = []
  private(set) var sealed = IntactSegment(path: "", bytes: [], batches: [])
  private(set) var last = IntactSegment(path: "", bytes: [], batches: [])
  /// Everything else in the partition's directory.
  private var others: [(path: String, bytes: [UInt8])] = []

  init(_ directory: String, segmentBytes: Int, options: LogOptions, seed: UInt64) throws {
    self.directory = directory
    // From its filling on nothing rolls, so that a look changes the last segment only.
    self.options = options
    var small = options
    small.segmentBytes = Int64(segmentBytes)
    let log = try EmbeddedLog.open(directory: directory, options: small)
    try log.createTopic(TopicSettings(name: Self.topic))
    let partition = try log.partition(Self.topic, 0)
    var random = SplitMix(seed: seed)
    sealed = try Self.fill(partition, segmentBytes, &random, &digests, path(0))
    last = try Self.fill(partition, segmentBytes, &random, &digests, path(sealed.batches.last?.endOffset ?? 0))
    log.close()
    sealed.bytes = TestFile.read(sealed.path)
    last.bytes = TestFile.read(last.path)
    for suffix in ["index", "timeindex"] {
      for segment in [sealed, last] { keep(String(segment.path.dropLast(3)) + suffix) }
    }
    keep(meta)
    keep(mark)
  }

  /// How far the last segment was on disk; as it was written, all of it.
  var mark: String { "\(directory)/topics/\(Self.topic)-0/durable.end" }

  /// As a power failure may leave it: what is missing may never have been acknowledged.
  func forgetMark() { unlink(mark) }

  var meta: String { "\(directory)/topics/\(Self.topic)-0/partition.meta" }
  var indexes: [(path: String, bytes: [UInt8])] { others.filter { $0.path != meta && $0.path != mark } }

  private func path(_ offset: Int64) -> String {
    let digits = String(offset)
    return "\(directory)/topics/\(Self.topic)-0/\(String(repeating: "0", count: 20 - digits.count))\(digits).log"
  }

  private mutating func keep(_ path: String) { others.append((path, TestFile.read(path))) }

  /// Appends until the segment has exactly `segmentBytes`; the last batch is cut to measure.
  private static func fill(
    _ partition: EmbeddedPartition, _ segmentBytes: Int, _ random: inout SplitMix, _ digests: inout [UInt64],
    _ path: String
  ) throws -> IntactSegment {
    var segment = IntactSegment(path: path, bytes: [], batches: [])
    var position = 0
    while position < segmentBytes {
      let rest = segmentBytes - position
      var batch = Self.batch((0...Int(random.next() % 3)).map { _ in Int(random.next() % 160) + 20 }, &random)
      if rest - batch.bytes.count < 400 {
        // A value's length is written in as many bytes as it takes: some lengths are tried.
        let fitting = (0..<rest).lazy.map { [random] size in
          var random = random
          return Self.batch([rest - size], &random)
        }.first { $0.bytes.count == rest }
        guard let fitting else { throw UsageError(text: "no batch of \(rest) bytes") }
        batch = fitting
      }
      let first = Int64(digests.count)
      let encoded = batch.bytes
      try RecordDigest.each(in: encoded.span.bytes) { _, digest in digests.append(digest.record) }
      try partition.append(batch, completion: nil)
      segment.batches.append(.init(position: position, firstOffset: first, endOffset: Int64(digests.count)))
      position += encoded.count
    }
    try partition.sync()
    return segment
  }

  private static func batch(_ sizes: [Int], _ random: inout SplitMix) -> EncodedBatch {
    var writer = RecordBatchWriter()
    for size in sizes {
      let value = (0..<max(size, 0)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      writer.append(timestampMillis: Int64(random.next() % 1_000_000), key: nil, value: value.span.bytes)
    }
    return writer.finish(compression: .none)
  }

  /// Everything as it was written.
  func restore() {
    for segment in [sealed, last] { TestFile.write(segment.bytes, to: segment.path) }
    for other in others { TestFile.write(other.bytes, to: other.path) }
  }

  /// Without an index recovery looks at the whole last segment; with it, from its last entry on.
  func emptyIndex(of segment: IntactSegment) {
    for suffix in ["index", "timeindex"] { TestFile.write([], to: String(segment.path.dropLast(3)) + suffix) }
  }

  /// Opens the log as a start would, reads all, and appends one more batch if `appending`.
  func look(appending: Bool = false) -> Finding {
    do {
      let log = try EmbeddedLog.open(directory: directory, options: options)
      defer { log.close() }
      let partition = try log.partition(Self.topic, 0)
      let end = partition.highWatermark
      if let problem = try read(partition, to: end) { return .wrong(problem) }
      if appending, let problem = try append(partition, at: end) { return .wrong(problem) }
      return .read(end: end, cutAt: log.tailCuts.first?.byte)
    } catch LogError.corrupt(let file, let byte, _) {
      return .refused(file: file, byte: byte)
    } catch {
      return .wrong("\(error)")
    }
  }

  private func read(_ partition: EmbeddedPartition, to end: Int64) throws -> String? {
    var buffer = ByteWriter(capacity: 1 << 16)
    var offset: Int64 = 0
    var problem: String?
    while offset < end, problem == nil {
      buffer.removeAll()
      guard try partition.read(from: offset, maxBytes: 1 << 16, into: &buffer) else { return "nothing at \(offset)" }
      try RecordDigest.each(in: buffer.bytes) { recordOffset, digest in
        let isRight =
          recordOffset == offset && digests.indices.contains(Int(offset)) && digests[Int(offset)] == digest.record
        if !isRight, problem == nil { problem = "another record at \(recordOffset), expected \(offset)" }
        offset += 1
      }
    }
    return problem
  }

  private func append(_ partition: EmbeddedPartition, at end: Int64) throws -> String? {
    var random = SplitMix(seed: 77)
    let (batch, answer) = (Self.batch([30], &random), Monitor<Result<Int64, LogError>?>(nil))
    try partition.append(batch) { result in
      answer.withLock { $0 = result }
      answer.broadcast()
    }
    let offset = try answer.wait { $0 }.get()
    guard offset == end else { return "the next append got \(offset), not \(end)" }
    var expected: UInt64?
    let encoded = batch.bytes
    try RecordDigest.each(in: encoded.span.bytes) { _, digest in expected = digest.record }
    var found: UInt64?
    var buffer = ByteWriter()
    guard try partition.read(from: end, maxBytes: 1, into: &buffer) else { return "the append is not there" }
    try RecordDigest.each(in: buffer.bytes) { recordOffset, digest in if recordOffset == end { found = digest.record } }
    return found == expected ? nil : "the append reads back as another"
  }
}
