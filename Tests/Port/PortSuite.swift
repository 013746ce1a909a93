// What every EventLog must do: the suite is generic, each implementation runs it.

import Codecs
import Core
import Glibc
import Kit
package import Log
import Synchronization
import Testing

/// Opens a log for a test; `segmentBytes` is a wish.
package protocol LogFactory: Sendable, SendableMetatype {
  associatedtype Log: EventLog
  func make(segmentBytes: Int64) throws -> Log
  /// A name, made of `name`, for a topic that does not exist yet: logs may share a broker.
  func freshTopic(_ name: String) -> String
  /// Whether `read` gives the batches that were appended; else it may cut them anew.
  var keepsBatches: Bool { get }
}

extension LogFactory {
  /// Opens a log with one fresh topic, whose first partition `body` is given.
  package func withLog(
    segmentBytes: Int64 = 1 << 20, _ settings: TopicSettings = TopicSettings(name: "events.v1"),
    _ body: (Log, Log.Partition) throws -> Void
  ) throws {
    let log = try make(segmentBytes: segmentBytes)
    defer { log.close() }
    var settings = settings
    settings.name = freshTopic(settings.name)
    try log.createTopic(settings)
    try body(log, try log.partition(settings.name, 0))
  }
}

package struct PortSuite<Factory: LogFactory>: Sendable {
  let factory: Factory

  package init(factory: Factory) { self.factory = factory }

  // MARK: Topics

  package func createsTopicsOnce() throws {
    try factory.withLog(TopicSettings(name: "events.v1", partitions: 3)) { log, partition in
      let name = partition.topic
      let settings = TopicSettings(name: name, partitions: 3)
      try log.createTopic(settings)
      #expect(log.topics() == [settings])
      let other = TopicSettings(name: name, partitions: 4)
      #expect(throws: LogError.conflictingSettings(settings)) { try log.createTopic(other) }
      #expect(throws: LogError.unknownTopic("\(name)-3")) { try log.partition(name, 3) }
      let missing = factory.freshTopic("nothing")
      #expect(throws: LogError.unknownTopic("\(missing)-0")) { try log.partition(missing, 0) }
      for name in ["", ".", "..", "a/b", "a b", "é", String(repeating: "a", count: 250)] {
        #expect(throws: LogError.self, "'\(name)'") { try log.createTopic(TopicSettings(name: name)) }
      }
    }
  }

  // MARK: Append and read

  package func returnsWhatWasAppended() throws {
    try factory.withLog { _, partition in
      #expect(partition.highWatermark == 0)
      #expect(try readAll(partition) == [])
      let first = try partition.appendAndWait(makeBatch(["a", "", "c"], timestampMillis: 7))
      #expect(first == 0)
      #expect(try partition.appendAndWait(makeBatch(["d"], timestampMillis: 3, key: "K", compression: .none)) == 3)
      var tombstone = RecordBatchWriter()
      let key = Array("K".utf8)
      tombstone.append(timestampMillis: 4, key: key.span.bytes, value: nil)
      #expect(try partition.appendAndWait(tombstone.finish()) == 4)
      #expect(partition.highWatermark == 5)
      let expected = [
        StoredRecord(offset: 0, timestampMillis: 7, key: nil, value: "a"),
        StoredRecord(offset: 1, timestampMillis: 8, key: nil, value: ""),
        StoredRecord(offset: 2, timestampMillis: 9, key: nil, value: "c"),
        StoredRecord(offset: 3, timestampMillis: 3, key: "K", value: "d"),
        StoredRecord(offset: 4, timestampMillis: 4, key: "K", value: nil),
      ]
      #expect(try readAll(partition) == expected)
      for start in 0..<5 { #expect(try readAll(partition, from: Int64(start)) == Array(expected[start...])) }
    }
  }

  package func refusesPositionsOutside() throws {
    try factory.withLog { _, partition in
      try partition.appendAndWait(makeBatch(["a", "b"]))
      var buffer = ByteWriter()
      #expect(throws: LogError.beforeStart(earliest: 0)) {
        try partition.read(from: -1, maxBytes: 100, into: &buffer)
      }
      #expect(throws: LogError.afterEnd(end: 2)) { try partition.read(from: 3, maxBytes: 100, into: &buffer) }
      #expect(try !partition.read(from: 2, maxBytes: 100, into: &buffer))
      #expect(buffer.count == 0)
    }
  }

  package func readsWholeBatchesOnly(seed: UInt64, reads: Int = 400) throws {
    var random = SplitMix(seed: seed)
    try factory.withLog(segmentBytes: 40_000) { _, partition in
      var batchStarts: [Int64] = []
      for _ in 0..<120 {
        let values = (0..<Int.random(in: 1...6, using: &random)).map { _ in
          filler(Int.random(in: 1...900, using: &random), &random)
        }
        batchStarts.append(try partition.appendAndWait(makeBatch(values)))
      }
      let all = try readAll(partition)
      #expect(all.map(\.offset) == Array(0..<partition.highWatermark), "seed \(seed)")
      for _ in 0..<reads {
        let offset = Int64.random(in: 0..<partition.highWatermark, using: &random)
        var buffer = ByteWriter()
        buffer.append(UInt8(7))
        #expect(try partition.read(from: offset, maxBytes: Int.random(in: 0...9000, using: &random), into: &buffer))
        let got = try decode(buffer.bytes.extracting(droppingFirst: 1))
        let first = factory.keepsBatches ? batchStarts.last { $0 <= offset } ?? -1 : offset
        #expect(got.first?.offset == first, "seed \(seed), offset \(offset)")
        #expect(got == Array(all[Int(first)..<(Int(first) + got.count)]), "seed \(seed), offset \(offset)")
      }
    }
  }

  package func keepsPartitionsApart() throws {
    try factory.withLog(TopicSettings(name: "events.v1", partitions: 4)) { log, first in
      for round in 0..<10 {
        for index in 0..<4 {
          let partition = try log.partition(first.topic, index)
          #expect(try partition.appendAndWait(makeBatch(["\(index) \(round)"])) == Int64(round))
        }
      }
      for index in 0..<4 {
        let values = try readAll(try log.partition(first.topic, index)).map(\.value)
        #expect(values == (0..<10).map { "\(index) \($0)" })
      }
    }
  }

  package func refusesBrokenBatches() throws {
    try factory.withLog { _, partition in
      var random = SplitMix(seed: 1)
      let good = makeBatch(["a"])
      var bytes = good.bytes
      bytes[bytes.count - 1] ^= 1
      let large = makeBatch((0..<5).map { _ in filler(250_000, &random) }, compression: .none)
      let many = makeBatch((0...Limits.batchRecordsMax).map { _ in "" })
      let bad = [
        EncodedBatch(bytes: [], recordCount: 1, maxTimestampMillis: 0),
        EncodedBatch(bytes: bytes, recordCount: 1, maxTimestampMillis: 0),
        EncodedBatch(bytes: good.bytes, recordCount: 2, maxTimestampMillis: 0),
        EncodedBatch(bytes: good.bytes + [0], recordCount: 1, maxTimestampMillis: 0),
        EncodedBatch(bytes: good.bytes.dropLast(), recordCount: 1, maxTimestampMillis: 0),
        EncodedBatch(bytes: good.bytes, recordCount: 1, maxTimestampMillis: 2),
        large, many,
      ]
      for (index, batch) in bad.enumerated() {
        do throws(LogError) {
          try partition.append(batch, completion: nil)
          Issue.record("batch \(index) was taken")
        } catch {
          guard case .invalidBatch = error else { throw error }
        }
      }
      #expect(try partition.appendAndWait(good) == 0)
    }
  }

  // MARK: Time

  package func findsOffsetsByTime(seed: UInt64, lookups: Int = 600) throws {
    var random = SplitMix(seed: seed)
    try factory.withLog(segmentBytes: 6000) { _, partition in
      #expect(try partition.offset(atOrAfter: 0) == 0)
      var times: [Int64] = []
      var now: Int64 = 1_000_000
      while times.count < 1500 {
        let records = (0..<Int.random(in: 1...20, using: &random)).map { _ -> (Int64, String) in
          now += Int64.random(in: 0...3, using: &random)
          // Mostly in order, some late, a few far ahead.
          let late = Int.random(in: 0..<10, using: &random) == 0 ? Int64.random(in: 0...500, using: &random) : 0
          let early = Int.random(in: 0..<300, using: &random) == 0 ? Int64.random(in: 0...400, using: &random) : 0
          return (now - late + early, filler(20, &random))
        }
        times += records.map(\.0)
        try partition.appendAndWait(makeBatch(records))
      }
      for _ in 0..<lookups {
        let time = Int64.random(in: 999_000...(now + 600), using: &random)
        let expected = Int64(times.firstIndex { $0 >= time } ?? times.count)
        #expect(try partition.offset(atOrAfter: time) == expected, "seed \(seed), time \(time)")
      }
      #expect(try partition.offset(atOrAfter: .min) == 0)
      #expect(try partition.offset(atOrAfter: .max) == Int64(times.count))
    }
  }

  // MARK: Waiting

  package func wakesWhoWaits(rounds: Int64 = 200) throws {
    try factory.withLog { log, partition in
      let generation = log.generation
      #expect(log.waitForChange(after: generation, timeoutNanos: 1_000_000) == generation)
      // A wake that is missed costs a whole timeout; all the rounds together take less than one.
      let timeoutNanos: Int64 = 20_000_000_000
      let start = SystemClock().monotonicNanos()
      for round in 1...rounds {
        let before = log.generation
        let isSeen = Mutex(false)
        let thread = NamedThread("waiter") {
          var seen = before
          while partition.highWatermark < round { seen = log.waitForChange(after: seen, timeoutNanos: timeoutNanos) }
          isSeen.withLock { $0 = seen != before || partition.highWatermark == round }
        }
        // Sometimes the waiter is first, sometimes the append.
        if round % 2 == 0 { sched_yield() }
        try partition.appendAndWait(makeBatch(["a"]))
        thread.join()
        #expect(isSeen.withLock { $0 })
      }
      #expect(SystemClock().monotonicNanos() - start < timeoutNanos)
      // Read before the change, so it is not missed.
      #expect(log.waitForChange(after: generation, timeoutNanos: 60_000_000_000) != generation)
    }
  }

  package func endsWaitsAndAppendsAtClose() throws {
    let log = try factory.make(segmentBytes: 1 << 20)
    let name = factory.freshTopic("events.v1")
    try log.createTopic(TopicSettings(name: name))
    let partition = try log.partition(name, 0)
    let acknowledged = Mutex<[Int64]>([])
    for index in 0..<500 {
      try partition.append(makeBatch(["\(index)"])) { result in
        acknowledged.withLock { $0.append((try? result.get()) ?? -1) }
      }
    }
    log.close()
    // Everything queued was carried out before the log closed.
    #expect(acknowledged.withLock { $0 } == Array(0..<500))
    // Generations may still move up to the end of closing; then waits return at once.
    let start = SystemClock().monotonicNanos()
    _ = log.waitForChange(after: log.generation, timeoutNanos: 60_000_000_000)
    #expect(SystemClock().monotonicNanos() - start < 30_000_000_000)
    #expect(throws: LogError.closed) { try partition.append(makeBatch(["late"]), completion: nil) }
    log.close()
  }

  // MARK: Concurrency

  /// Producers with one batch in flight or many, readers from the start and from the middle: each record is read once,
  /// in order, and none before it is acknowledged is needed to be waited for in real time.
  package func servesProducersAndReadersAtOnce(producers: Int, batches: Int) throws {
    try factory.withLog(segmentBytes: 20_000, TopicSettings(name: "events.v1", partitions: 2)) { log, first in
      let partitions = [first, try log.partition(first.topic, 1)]
      let failures = Mutex<[String]>([])
      let total = producers * batches
      let counts = Mutex([0, 0])
      var threads: [NamedThread] = []
      for producer in 0..<producers {
        threads.append(
          NamedThread("producer") {
            let partition = partitions[producer % 2]
            for number in 0..<batches {
              do {
                let offset = try partition.appendAndWait(makeBatch(["\(producer) \(number)"]))
                // Acknowledged means readable.
                if partition.highWatermark <= offset { failures.withLock { $0.append("ack before readable") } }
              } catch { failures.withLock { $0.append("\(error)") } }
            }
          })
      }
      for index in 0..<2 {
        let expected = (0..<producers).filter { $0 % 2 == index }.count * batches
        threads.append(
          NamedThread("reader") {
            do {
              let records = try follow(log, partitions[index], count: expected)
              let problem = disorder(records)
              if let problem { failures.withLock { $0.append(problem) } }
              counts.withLock { $0[index] = records.count }
            } catch { failures.withLock { $0.append("\(error)") } }
          })
      }
      for thread in threads { thread.join() }
      #expect(failures.withLock { $0 } == [])
      #expect(counts.withLock { $0.reduce(0, +) } == total)
      for partition in partitions {
        let records = try readAll(partition)
        #expect(disorder(records) == nil)
      }
    }
  }

  /// The records of a batch follow each other, whoever else appends, and its offset is that of the first.
  package func keepsBatchesTogether(producers: Int, batches: Int) throws {
    try factory.withLog { _, partition in
      let firsts = Mutex<[Int64: String]>([:])
      let failures = Mutex<[String]>([])
      let threads = (0..<producers).map { producer in
        NamedThread("producer") {
          for number in 0..<batches {
            do {
              let name = "\(producer) \(number)"
              try partition.append(makeBatch((0..<20).map { "\(name) \($0)" })) { result in
                if let first = try? result.get() { firsts.withLock { $0[first] = name } }
              }
            } catch { failures.withLock { $0.append("\(error)") } }
          }
        }
      }
      for thread in threads { thread.join() }
      try partition.sync()
      let values = try readAll(partition, maxBytes: 1 << 20).map(\.value)
      #expect(failures.withLock { $0 } == [] && values.count == producers * batches * 20)
      let found = firsts.withLock { $0 }
      #expect(found.count == producers * batches)
      for (first, name) in found {
        #expect(values[Int(first)..<Int(first) + 20].elementsEqual((0..<20).map { "\(name) \($0)" }))
      }
    }
  }

  /// Reads until `count` records came, waiting for more as a live reader does.
  private func follow(
    _ log: Factory.Log, _ partition: Factory.Log.Partition, count: Int
  ) throws -> [StoredRecord] {
    var records: [StoredRecord] = []
    while records.count < count {
      let generation = log.generation
      let more = try readAll(partition, from: Int64(records.count), maxBytes: 2000)
      records += more
      if more.isEmpty {
        let deadline: Int64 = 60_000_000_000
        if log.waitForChange(after: generation, timeoutNanos: deadline) == generation { break }
      }
    }
    return records
  }

  /// What is wrong with records whose values are "<producer> <number>": offsets 0, 1, 2 ..., and each producer's
  /// numbers likewise.
  private func disorder(_ records: [StoredRecord]) -> String? {
    var next: [Substring: Int] = [:]
    for (place, record) in records.enumerated() {
      guard record.offset == Int64(place) else { return "offset \(record.offset) at place \(place)" }
      let parts = (record.value ?? "").split(separator: " ")
      guard parts.count == 2, let number = Int(parts[1]), number == next[parts[0], default: 0] else {
        return "producer \(parts.first ?? "?"): \(record) after \(next)"
      }
      next[parts[0]] = number + 1
    }
    return nil
  }
}
