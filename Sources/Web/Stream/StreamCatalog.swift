// What the threads of a stream server share: the log's partitions and what is known about each.

internal import Core
internal import Events
internal import Log
internal import Synchronization

/// One partition of a stream, as all threads see it.
final class StreamPartition<Partition: PartitionLog>: Sendable {
  let log: Partition
  let ring: FrameRing
  let previous = PreviousPositions()

  init(_ log: Partition, ringBytesMax: Int) {
    self.log = log
    ring = FrameRing(byteCountMax: ringBytesMax)
    ring.restart(at: log.startOffset, epoch: log.epoch)
  }
}

/// The streams of a log. Safe to use from any thread.
final class StreamCatalog<Log: EventLog>: Sendable {
  let log: Log
  let directory: StreamDirectory
  /// By stream, then by partition.
  let partitions: [[StreamPartition<Log.Partition>]]
  /// Subscriptions of each stream: nobody renders what nobody wants.
  private let subscribers: Mutex<[Int]>
  /// False while what the log lost is regenerated: a position after the end of a derived topic may become valid.
  let isRegenerated = Atomic<Bool>(true)
  /// The history that existed at the start has been gone through: positions and newest values are known.
  let isReady = Atomic<Bool>(false)
  let metrics: StreamMetrics

  init(
    log: Log, definitions: [StreamDefinition], ringBytesMax: Int, metrics: StreamMetrics
  ) throws(LogError) {
    self.log = log
    self.metrics = metrics
    var entries: [(StreamDefinition, Int)] = []
    var partitions: [[StreamPartition<Log.Partition>]] = []
    let topics = log.topics()
    for definition in definitions {
      // A topic that the topology leaves out has no stream.
      guard let settings = topics.first(where: { $0.name == definition.topic.name }) else { continue }
      var row: [StreamPartition<Log.Partition>] = []
      for index in 0..<settings.partitions {
        row.append(StreamPartition(try log.partition(settings.name, index), ringBytesMax: ringBytesMax))
      }
      entries.append((definition, settings.partitions))
      partitions.append(row)
    }
    directory = StreamDirectory(entries.map { (definition: $0.0, partitionCount: $0.1) })
    self.partitions = partitions
    subscribers = Mutex(Array(repeating: 0, count: entries.count))
  }

  func changeSubscribers(of stream: Int, by change: Int) {
    subscribers.withLock { $0[stream] += change }
    metrics.subscriptions.change(by: change)
  }

  /// Whether what lies after the end of the stream is being regenerated.
  func mayGrow(_ stream: Int) -> Bool {
    directory.streams[stream].definition.topic.isDerived && !isRegenerated.load(ordering: .acquiring)
  }

  func hasSubscribers(_ stream: Int) -> Bool { subscribers.withLock { $0[stream] > 0 } }
}
