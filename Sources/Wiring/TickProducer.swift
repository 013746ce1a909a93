// From feeds to the log: ticks become records of prices.ticks.v1, each in the partition of its instrument.

import Codecs
import Core
import Events
import Feeds
import Log
import Synchronization

/// Appends ticks to the partitions of one topic. The append time is stamped and the batch queued under one lock per
/// partition, so that append times never go back within a partition.
final class TickProducer<EventSource: EventLog, TimeSource: Clock>: TickSink {
  private let lanes: [Lane<EventSource.Partition>]
  private let clock: TimeSource

  init(log: EventSource, partitions: Int, clock: TimeSource) throws(LogError) {
    var lanes: [Lane<EventSource.Partition>] = []
    for index in 0..<partitions { lanes.append(Lane(try log.partition(Topic.ticks.name, index))) }
    self.lanes = lanes
    self.clock = clock
  }

  func send(_ ticks: [Tick], completion: (@Sendable (String?) -> Void)?) {
    let pending = PendingSend(completion)
    if lanes.count == 1 {
      lanes[0].append(ticks[...], clock: clock, pending: pending)
    } else {
      var shares = [[Tick]](repeating: [], count: lanes.count)
      for tick in ticks {
        if tick.kind == .clock {
          for index in shares.indices { shares[index].append(tick) }
        } else {
          shares[Murmur2.partition(key: unsafe tick.instrument.utf8.span.bytes, count: lanes.count)].append(tick)
        }
      }
      for (lane, share) in zip(lanes, shares) where !share.isEmpty {
        lane.append(share[...], clock: clock, pending: pending)
      }
    }
    pending.seal()
  }
}

/// One partition's encoder.
private final class Lane<Partition: PartitionLog>: Sendable {
  private struct Encoder: ~Copyable {
    var batch = RecordBatchWriter()
    var value = ByteWriter()

    mutating func append(_ tick: Tick, _ appendTime: Timestamp) {
      batch.append(tick, appendTime: appendTime, scratch: &value)
    }
  }

  private let partition: Partition
  private let encoder = Mutex(Encoder())

  init(_ partition: Partition) { self.partition = partition }

  func append(_ ticks: ArraySlice<Tick>, clock: some Clock, pending: PendingSend) {
    encoder.withLock { encoder in
      let appendTime = Timestamp(nanos: clock.wallNanos())
      for tick in ticks {
        encoder.append(tick, appendTime)
        if encoder.batch.recordCount >= Limits.batchRecordsMax || encoder.batch.byteCount >= Limits.batchBytesMax / 2 {
          finish(&encoder, pending)
        }
      }
      if encoder.batch.recordCount > 0 { finish(&encoder, pending) }
    }
  }

  private func finish(_ encoder: inout Encoder, _ pending: PendingSend) {
    let batch = encoder.batch.finish()
    pending.began()
    do {
      try partition.append(batch) { result in
        if case .failure(let error) = result { pending.ended("\(error)") } else { pending.ended(nil) }
      }
    } catch {
      pending.ended("\(error)")
    }
  }
}

/// Counts the batches of one send, and tells its caller once all of them are durable.
private final class PendingSend: Sendable {
  private struct State {
    var open = 1  // The send itself, until it is sealed.
    var failure: String?
  }

  private let state = Mutex(State())
  private let completion: (@Sendable (String?) -> Void)?

  init(_ completion: (@Sendable (String?) -> Void)?) { self.completion = completion }

  func began() { state.withLock { $0.open += 1 } }
  func seal() { ended(nil) }

  func ended(_ failure: String?) {
    let done: (Bool, String?) = state.withLock { state in
      state.open -= 1
      if let failure { state.failure = failure }
      return (state.open == 0, state.failure)
    }
    if done.0 { completion?(done.1) }
  }
}
