// The thread that follows all streams.

internal import Core
internal import Log
internal import Synchronization

/// Tails every partition of a catalog and wakes the reactors when rings have grown.
final class StreamPublisher<Log: EventLog>: Sendable {
  private let catalog: StreamCatalog<Log>
  private let wake: @Sendable () -> Void
  private let isStopping = Atomic<Bool>(false)

  /// `wake` is called after every change of a ring.
  init(_ catalog: StreamCatalog<Log>, wake: @escaping @Sendable () -> Void) {
    self.catalog = catalog
    self.wake = wake
  }

  /// The thread's body.
  func run() {
    var tails: [(stream: Int, tail: PartitionTail<Log>)] = []
    for (stream, partitions) in catalog.partitions.enumerated() {
      let entry = catalog.directory.streams[stream]
      let renderer = RecordRenderer(entry.definition, keys: entry.keys)
      for partition in partitions {
        tails.append((stream, PartitionTail(partition, renderer: renderer, metrics: catalog.metrics)))
      }
    }
    var failed = Set<Int>()
    let history = tails.map(\.tail.highWatermark)
    while !isStopping.load(ordering: .acquiring) {
      let generation = catalog.log.generation
      var hasAdvanced = false
      for (index, entry) in tails.enumerated() where !failed.contains(index) {
        do throws(StreamFailure) {
          let isWanted = catalog.hasSubscribers(entry.stream)
          if try entry.tail.advance(isRendering: isWanted) {
            hasAdvanced = true
            // Asked again: whoever subscribes after this sees the ring as it is now.
            if isWanted || catalog.hasSubscribers(entry.stream) { wake() }
          }
        } catch  where error.isPassing || error.code == .positionExpired {
          // Once the brokers are back, or behind what retention took, it goes on.
        } catch {
          // The place is damaged: clients are told when they reach it; the other partitions go on.
          failed.insert(index)
          entry.tail.fail(error)
          wake()
        }
      }
      if !catalog.isReady.load(ordering: .relaxed),
        tails.indices.allSatisfy({ failed.contains($0) || tails[$0].tail.position >= history[$0] })
      {
        catalog.isReady.store(true, ordering: .releasing)
        wake()
      }
      if !hasAdvanced {
        _ = catalog.log.waitForChange(after: generation, timeoutNanos: 100_000_000)
      }
    }
  }

  func stop() { isStopping.store(true, ordering: .releasing) }
}
