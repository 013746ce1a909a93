// What only a real broker can show of the log on Kafka.

import Codecs
import Core
import Kit
import Log
import PortKit
import Synchronization
import Testing

@testable import LogKafka

@Suite(.enabled(if: Broker.isThere, "no BOOTSTRAP: the log is NOT tested against Kafka; make test-kafka"))
struct RealBrokerTests {
  private let factory = KafkaLogFactory()

  // MARK: Records

  @Test func keepsKeysValuesHeadersAndTimes() throws {
    try factory.withLog { _, partition in
      var section = ByteWriter()
      section.append(varint: 4)
      let headers: [(String, [UInt8]?)] = [("trace", [1, 2, 3]), ("trace", nil), ("empty", []), ("é", [255])]
      for (name, value) in headers {
        let name = Array(name.utf8)
        if let value {
          section.append(headerNamed: name.span.bytes, value: value.span.bytes)
        } else {
          section.append(headerNamed: name.span.bytes, value: nil)
        }
      }
      var writer = RecordBatchWriter()
      let bytes: [UInt8] = [0, 255, 128]
      let empty: [UInt8] = []
      writer.append(timestampMillis: 1, key: bytes.span.bytes, value: bytes.span.bytes, headers: section.bytes)
      writer.append(timestampMillis: 4_102_444_800_000, key: empty.span.bytes, value: empty.span.bytes)
      writer.append(timestampMillis: 1_700_000_000_000, key: nil, value: nil, headers: section.bytes)
      let batch = writer.finish()
      try partition.appendAndWait(batch)
      var buffer = ByteWriter()
      #expect(try partition.read(from: 0, maxBytes: 1 << 20, into: &buffer))
      let encoded = batch.bytes
      let expected = try Self.contents(encoded.span.bytes)
      #expect(try Self.contents(buffer.bytes) == expected)
    }
  }

  @Test func readsWithoutHeadersWhereNobodyLooksAtThem() throws {
    try factory.withLog { log, partition in
      var section = ByteWriter()
      section.append(varint: 1)
      let name = Array("trace".utf8)
      section.append(headerNamed: name.span.bytes, value: nil)
      var writer = RecordBatchWriter()
      writer.append(timestampMillis: 1, key: nil, value: name.span.bytes, headers: section.bytes)
      try partition.appendAndWait(writer.finish())
      var configuration = log.configuration
      configuration.readsHeaders = false
      let plain = try KafkaLog.open(configuration)
      defer { plain.close() }
      var buffer = ByteWriter()
      #expect(try plain.partition(partition.topic, 0).read(from: 0, maxBytes: 1 << 20, into: &buffer))
      #expect(try Self.contents(buffer.bytes) == ["1 false [] true \(name) [0]"])
    }
  }

  /// All of the records of one batch but their offsets.
  private static func contents(_ bytes: RawSpan) throws -> [String] {
    var reader = RecordBatchReader()
    let header = try reader.open(bytes, verifyingChecksum: true)
    #expect(header.byteCount == bytes.byteCount)
    var found: [String] = []
    var cursor = reader.records
    while try cursor.advance() {
      let record = cursor.record
      found.append(
        """
        \(record.timestampMillis) \(record.hasKey) \([UInt8](record.key)) \(record.hasValue) \
        \([UInt8](record.value)) \([UInt8](cursor.storedHeaders))
        """)
    }
    return found
  }

  @Test func takesTheLargestBatchesAndRefusesTooLargeRecords() throws {
    try factory.withLog { _, partition in
      var random = SplitMix(seed: 1)
      #expect(try partition.appendAndWait(makeBatch((0..<Limits.batchRecordsMax).map { "\($0)" })) == 0)
      let large = (0..<4).map { _ in filler(Limits.valueBytesMax - 200, &random) }
      #expect(try partition.appendAndWait(makeBatch(large, compression: .none)) == Int64(Limits.batchRecordsMax))
      let records = try readAll(partition, maxBytes: 1 << 20)
      #expect(records.map(\.value) == (0..<Limits.batchRecordsMax).map { "\($0)" } + large)
      let tooLarge = makeBatch([String(repeating: "a", count: 1_000_001)])
      do throws(LogError) {
        try partition.append(tooLarge, completion: nil)
        Issue.record("taken")
      } catch {
        guard case .invalidBatch = error else { throw error }
      }
      #expect(partition.highWatermark == Int64(records.count))
    }
  }

  @Test func refusesTimesThatKafkaDoesNotKeep() throws {
    try factory.withLog { _, partition in
      for time in [0, -1, Int64.min] {
        do throws(LogError) {
          try partition.append(makeBatch([(time, "a")]), completion: nil)
          Issue.record("taken at \(time)")
        } catch {
          guard case .invalidBatch = error else { throw error }
        }
      }
    }
  }

  // MARK: Transactions of others

  @Test func showsOnlyWhatIsCommitted() throws {
    try factory.withLog { log, partition in
      let other = try OtherClient(transactionalId: partition.topic)
      try partition.appendAndWait(makeBatch(["before"]))
      try other.begin()
      try other.send(["aborted 1", "aborted 2"], to: partition.topic)
      try other.abort()
      try other.begin()
      try other.send(["committed"], to: partition.topic)
      // Not over: neither visible nor the end.
      try partition.appendAndWait(makeBatch(["behind"]))
      #expect(partition.highWatermark < 6)
      #expect(try readAll(partition).map(\.value) == ["before"])
      try other.commit()
      // 0 before, 1 and 2 aborted, 3 a marker, 4 and 5, 6 a marker: the end is behind the last marker, and a reader
      // gets there though no record is there.
      while partition.highWatermark < 7 {
        _ = log.waitForChange(after: log.generation, timeoutNanos: 20_000_000)
      }
      let records = try readAll(partition)
      #expect(records.map(\.value) == ["before", "committed", "behind"])
      #expect(records.map(\.offset) == [0, 4, 5])
      var buffer = ByteWriter()
      #expect(try partition.read(from: 6, maxBytes: 100, into: &buffer))
      #expect(try decode(buffer.bytes) == [] && endOffset(of: buffer.bytes) == 7)
      #expect(try !partition.read(from: 7, maxBytes: 100, into: &buffer))
      #expect(try readAll(partition, from: 2).map(\.offset) == [4, 5])
    }
  }

  // MARK: Topics

  @Test func knowsATopicFromItsSuccessor() throws {
    let name = Broker.freshTopic("events.v1")
    let settings = TopicSettings(name: name)
    let first = try Broker.open()
    try first.createTopic(settings)
    let epoch = try first.partition(name, 0).epoch
    first.close()
    let second = try Broker.open()
    #expect(try second.partition(name, 0).epoch == epoch)
    second.close()
    try OtherClient().delete(name)
    let third = try Broker.open()
    defer { third.close() }
    try third.createTopic(settings)
    #expect(try third.partition(name, 0).epoch != epoch)
  }

  /// Others delete a topic and create it anew under a process that goes on.
  @Test func noticesThatATopicBeganAgain() throws {
    let name = Broker.freshTopic("events.v1")
    let log = try Broker.open()
    defer { log.close() }
    try log.createTopic(TopicSettings(name: name))
    let partition = try log.partition(name, 0)
    try partition.appendAndWait(makeBatch(["1", "2", "3"]))
    #expect(try readAll(partition).count == 3)
    let epoch = partition.epoch
    try OtherClient().delete(name)
    let other = try Broker.open()
    defer { other.close() }
    try other.createTopic(TopicSettings(name: name))
    try other.partition(name, 0).appendAndWait(makeBatch(["4"]))
    let deadline = SystemClock().monotonicNanos() + 60_000_000_000
    while partition.epoch == epoch, SystemClock().monotonicNanos() < deadline {
      _ = log.waitForChange(after: log.generation, timeoutNanos: 100_000_000)
    }
    #expect(partition.epoch == (try other.partition(name, 0).epoch))
    while partition.highWatermark == 0 { _ = log.waitForChange(after: log.generation, timeoutNanos: 100_000_000) }
    #expect(partition.highWatermark == 1)
    #expect(try readAll(partition).map(\.value) == ["4"])
  }

  @Test func refusesATopicThatForgets() throws {
    try factory.withLog(TopicSettings(name: "week.v1", policy: TopicPolicy(retentionMillis: 604_800_000))) {
      log, first in
      // Under the settings that it was created with it is fine.
      try log.createTopic(
        TopicSettings(name: first.topic, policy: TopicPolicy(retentionMillis: 604_800_000)))
      do throws(LogError) {
        try log.createTopic(TopicSettings(name: first.topic))
        Issue.record("taken")
      } catch {
        guard case .refused(let reason) = error else { throw error }
        #expect(reason.contains("retention.ms=604800000") && reason.contains("topics apply"))
      }
    }
  }

  /// Another's settings stay, and so does what tells the topic from its successor.
  @Test func putsATopicInOrder() throws {
    let name = Broker.freshTopic("events.v1")
    let configuration = KafkaConfiguration(bootstrapServers: Broker.bootstrap ?? "")
    let topics = try KafkaTopics(configuration)
    defer { topics.close() }
    let forever = TopicSettings(name: name, partitions: 2)
    #expect(try topics.plan([forever]).map(\.change) == [.create(partitions: 2, replication: nil)])
    #expect(try topics.apply(forever, allowsLoss: false).taken.count == 1)
    #expect(try topics.plan([forever]) == [])
    let created = try #require(try topics.found([name])[name])
    #expect(created.partitions == 2 && TopicRules.marker(inRetentionBytes: created.settings["retention.bytes"]) != nil)

    var day = forever
    day.policy.retentionMillis = 86_400_000
    #expect(try topics.apply(day, allowsLoss: false).left.count == 1)
    #expect(try topics.found([name])[name] == created)
    #expect(try topics.apply(day, allowsLoss: true).left == [])
    let questions = try QuestionsHandle(configuration, logger: .silent)
    defer { questions.destroy() }
    let (all, own) = try questions.settings(of: name)
    try questions.replaceSettings(
      of: name, with: all.filter { own.contains($0.key) }.merging(["max.message.bytes": "2000000"]) { $1 })
    while try questions.settings(of: name).all["max.message.bytes"] != "2000000" {}
    let log = try Broker.open()
    defer { log.close() }
    #expect(throws: LogError.self) { try log.createTopic(forever) }
    #expect(try topics.apply(forever, allowsLoss: false).taken.count == 1)
    try log.createTopic(forever)
    var expected = created
    expected.settings["max.message.bytes"] = "2000000"
    expected.own.insert("max.message.bytes")
    #expect(try topics.found([name])[name] == expected)

    var wider = forever
    wider.partitions = 3
    #expect(try topics.apply(wider, allowsLoss: true).left.count == 1)
    #expect(try topics.found([name])[name]?.partitions == 2)
  }

  @Test func cannotCut() throws {
    try factory.withLog(TopicSettings(name: "derived.v1", isDerived: true)) { _, partition in
      try partition.appendAndWait(makeBatch(["a"]))
      #expect(throws: LogError.notCuttable(partition.topic)) { try partition.truncate(to: 0) }
      #expect(throws: LogError.notCuttable(partition.topic)) { try partition.reset() }
      #expect(try readAll(partition).count == 1)
    }
  }

  // MARK: Others

  @Test func seesWhatAnotherProcessAppends() throws {
    try factory.withLog { log, partition in
      let other = try Broker.open()
      defer { other.close() }
      let theirs = try other.partition(partition.topic, 0)
      #expect(theirs.epoch == partition.epoch)
      for round in 0..<20 as Range<Int64> {
        var generation = log.generation
        try theirs.appendAndWait(makeBatch(["\(round)"]))
        while partition.highWatermark <= round {
          generation = log.waitForChange(after: generation, timeoutNanos: 30_000_000_000)
        }
      }
      #expect(try readAll(partition).map(\.value) == (0..<20).map { "\($0)" })
    }
  }

  @Test func saysWhereRetentionHasCome() throws {
    try factory.withLog { _, partition in
      for number in 0..<10 { try partition.appendAndWait(makeBatch(["\(number)"])) }
      #expect(try readAll(partition).count == 10)
      try OtherClient().deleteRecords(of: partition.topic, before: 7)
      // Not told: the broker must.
      var buffer = ByteWriter()
      #expect(throws: LogError.beforeStart(earliest: 7)) { try partition.read(from: 2, maxBytes: 100, into: &buffer) }
      #expect(partition.startOffset == 7 && buffer.count == 0)
      #expect(try readAll(partition, from: 7).map(\.value) == ["7", "8", "9"])
      #expect(try partition.offset(atOrAfter: 1) == 7)
    }
  }

  /// More places are read at once than there are cursors.
  @Test func servesMoreReadersThanCursors() throws {
    try factory.withLog { _, partition in
      for start in stride(from: 0, to: 3000, by: 300) {
        try partition.append(makeBatch((start..<start + 300).map { "\($0)" }), completion: nil)
      }
      try partition.sync()
      let problems = Mutex<[String]>([])
      let threads = (0..<12).map { index in
        NamedThread("reader") {
          do {
            let from = index * 200
            let values = try readAll(partition, from: Int64(from), maxBytes: 1500).map(\.value)
            if values != (from..<3000).map({ "\($0)" }) { problems.withLock { $0.append("\(index): \(values.count)") } }
          } catch { problems.withLock { $0.append("\(index): \(error)") } }
        }
      }
      for thread in threads { thread.join() }
      #expect(problems.withLock { $0 } == [])
    }
  }
}
