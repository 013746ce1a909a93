// Where a subscription starts: from a client's wish to offsets.

internal import Core
internal import Log

/// Looks up starts; may touch the disk.
struct StartResolver<Log: EventLog> {
  let catalog: StreamCatalog<Log>

  func resolve(
    _ start: StreamStart, stream: Int, _ filter: KeyFilter
  ) throws(StreamFailure) -> ResolvedStart {
    let partitions = catalog.partitions[stream]
    let epochs = partitions.map(\.log.epoch)
    switch start {
    case .now: return ResolvedStart(epochs: epochs, next: partitions.map(\.log.highWatermark))
    case .earliest: return ResolvedStart(epochs: epochs, next: partitions.map(\.log.startOffset))
    case .time(let millis):
      var next: [Int64] = []
      for partition in partitions {
        do throws(LogError) {
          next.append(try partition.log.offset(atOrAfter: millis))
        } catch {
          throw StreamFailure(reading: "the time index of \(partition.log.topic)-\(partition.log.index)", error)
        }
      }
      return ResolvedStart(epochs: epochs, next: next)
    case .snapshot: return snapshot(of: stream, filter)
    case .after(let positions):
      return ResolvedStart(epochs: epochs, next: try check(try complete(positions, partitions.count), stream))
    case .token(let text): return try resolve(token: text, epochs, stream)
    }
  }

  /// The newest record of every slot, as a state, and what comes after.
  private func snapshot(of stream: Int, _ filter: KeyFilter) -> ResolvedStart {
    var filter = filter
    filter.extend()
    var start = ResolvedStart(epochs: [], next: [])
    for partition in catalog.partitions[stream] {
      let slotsPerKey = catalog.directory.streams[stream].definition.slotsPerKey
      let newest = partition.ring.newestRecords(since: 0, slotsPerKey: slotsPerKey, filter)
      start.epochs.append(newest.epoch)
      start.next.append(newest.end)
      start.readers.append(ReplayReader(state: newest.offsets, form: .snapshot, next: newest.end))
    }
    return start
  }

  private func resolve(token text: String, _ epochs: [UInt32], _ stream: Int) throws(StreamFailure) -> ResolvedStart {
    guard let token = PositionToken(text) else { throw StreamFailure(.tokenMalformed, "the token is damaged") }
    let name = catalog.directory.streams[stream].definition.name
    guard token.streamHash == PositionToken.hash(name) else {
      throw StreamFailure(.tokenStream, "the token is not one of '\(name)'")
    }
    guard token.epochs == epochs else {
      let message = "the history was rebuilt differently since the token was issued"
      throw StreamFailure(.tokenEpoch, message, earliest: earliest(stream))
    }
    return ResolvedStart(epochs: epochs, next: try check(token.next, stream))
  }

  /// One next offset for each partition, from the positions after which to go on.
  private func complete(_ positions: [StreamPosition], _ count: Int) throws(StreamFailure) -> [Int64] {
    var next = [Int64?](repeating: nil, count: count)
    for position in positions {
      guard position.partition < count, next[position.partition] == nil else {
        let message = "partition \(position.partition) does not exist or is named twice; there are \(count)"
        throw StreamFailure(.positionIncomplete, message)
      }
      next[position.partition] = position.offset + 1
    }
    let known = next.compactMap { $0 }
    guard known.count == count else {
      throw StreamFailure(.positionIncomplete, "a position is needed for each of the \(count) partitions")
    }
    return known
  }

  private func check(_ next: [Int64], _ stream: Int) throws(StreamFailure) -> [Int64] {
    for (partition, offset) in zip(catalog.partitions[stream], next) {
      if offset < partition.log.startOffset {
        let message = "\(StreamPosition(partition: partition.log.index, offset: offset - 1)) is no longer retained"
        throw StreamFailure(.positionExpired, message, earliest: earliest(stream))
      }
      if !catalog.mayGrow(stream), try partition.log.endsBefore(offset) {
        let message = "\(StreamPosition(partition: partition.log.index, offset: offset - 1)) is after the end"
        throw StreamFailure(.positionAfterEnd, message, earliest: earliest(stream))
      }
    }
    return next
  }

  private func earliest(_ stream: Int) -> [StreamPosition] {
    catalog.partitions[stream].map { StreamPosition(partition: $0.log.index, offset: $0.log.startOffset - 1) }
  }
}
