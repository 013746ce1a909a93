// The bounds of the log on Apache Kafka, with their reasons.

internal import Core

extension Limits {
  enum Kafka {
    /// Messages that wait in the producer or are under way: at a few hundred bytes each some tens of megabytes, half a
    /// second of a fast feed; then `append` blocks.
    static let producerMessagesMax = 200_000
    /// The same in bytes.
    static let producerKilobytesMax = 64 << 10
    /// What a cursor fetches ahead of its reader, per partition: enough to keep a fold busy over a round trip.
    static let cursorKilobytesMax = 8 << 10
    /// The same in messages: of small records librdkafka's own part, some 300 bytes each, is the larger one.
    static let cursorMessagesMax = 100_000
    /// Messages that a cursor takes from librdkafka at once: one call and one lock for all of them.
    static let cursorMessages = 1024
    /// How long a cursor waits for a first message before it takes it that librdkafka sleeps: more than a round trip.
    static let cursorPatienceMillis: Int32 = 10
    /// Places in one partition that are read at the same time: a fold, a live tail, two replays. More take turns.
    static let cursorsPerPartition = 4
    /// A cursor that nobody used for so long stops fetching and lets its messages go.
    static let cursorIdleNanos: Int64 = 30_000_000_000
    /// Largest record, key and headers included: below a broker's own limit on a batch of one record.
    static let recordBytesMax = 1_000_000
    /// How often the end of the partitions is asked for while somebody waits for more: what a record that another
    /// process wrote takes on top of the round trip, against one small request each time.
    static let tailPollNanos: Int64 = 10_000_000
    /// The same while nobody waits.
    static let tailIdleNanos: Int64 = 250_000_000
    /// How long brokers may not answer before that is called out of reach: a leader moves within less.
    static let troubleNanos: Int64 = 3_000_000_000
    /// How often retention is looked for in the beginning of the partitions.
    static let startPollNanos: Int64 = 10_000_000_000
    /// How long to wait before a question is asked again that a broker could not answer yet.
    static let retryNanos: Int64 = 20_000_000
    /// Longest wait in one call of librdkafka, so that closing is noticed.
    static let pollMillis: Int32 = 100
    /// How long closing waits for librdkafka to let go of a handle: 2.0.2 can hang there for ever (its CHANGELOG,
    /// 2.6.1), and nothing is lost by leaving it to the end of the process.
    static let destroyNanos: Int64 = 10_000_000_000
    /// How long a transaction may be open, and how long its commit is tried: until then nobody can read behind it, so
    /// this is also what a process that dies costs readers, if no other takes its place at once.
    static let transactionMillis = 60_000
    /// How long after its creation a topic may be without leaders.
    static let leadersNanos: Int64 = 30_000_000_000
  }
}

/// How long an operation on Kafka may take before it ends with an error.
package struct KafkaTimeouts: Sendable, Equatable {
  /// From `append` to delivery, retries included. A broker's failover takes some seconds.
  package var appendMillis = 60_000
  /// For a question about topics and offsets, retries included.
  package var requestMillis = 20_000
  /// For the first record of a read that has something to read.
  package var readMillis = 30_000

  /// For one request on the wire; at least librdkafka's least.
  var socketMillis: Int { max(10, min(requestMillis, 60_000)) }

  package init(appendMillis: Int = 60_000, requestMillis: Int = 20_000, readMillis: Int = 30_000) {
    self.appendMillis = appendMillis
    self.requestMillis = requestMillis
    self.readMillis = readMillis
  }
}
