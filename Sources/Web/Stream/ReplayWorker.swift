// Reads history for one client at a time, in pieces, on a thread that may wait for the disk.

internal import Codecs
internal import Core
internal import Log
internal import Synchronization

/// Performs replay jobs; belongs to one thread. Its buffers are bounded and shared by all replays it serves: what a
/// replay itself keeps is a `ReplayReader`.
final class ReplayWorker<Log: EventLog> {
  private static var windowsMax: Int { 8 }

  private let catalog: StreamCatalog<Log>
  private var renderers: [RecordRenderer]
  /// The parts of the log read last, the newest use at the end.
  private var windows: [LogWindow<Log.Partition>] = []

  init(_ catalog: StreamCatalog<Log>) {
    self.catalog = catalog
    renderers = catalog.directory.streams.map { RecordRenderer($0.definition, keys: $0.keys) }
  }

  func perform(_ job: ReplayJob) {
    switch job.work {
    case .resolve(let start):
      let result: Result<ResolvedStart, StreamFailure>
      do throws(StreamFailure) {
        result = .success(try StartResolver(catalog: catalog).resolve(start, stream: job.stream, job.filter))
      } catch {
        result = .failure(error)
      }
      job.done(.resolved(result))
    case .piece(let index, let position, let reader):
      var kept = reader
      let result: Result<ReplayPiece, StreamFailure>
      do throws(StreamFailure) {
        let partition = try checked(job, index)
        let opened: ReplayReader
        if let reader { opened = reader } else { opened = try open(partition, stream: job.stream, at: position) }
        kept = opened
        result = .success(try next(opened, from: position, partition, job))
      } catch {
        result = .failure(error)
      }
      job.done(.piece(partition: index, result, kept))
    case .conflate(let index, let position):
      var kept: ReplayReader?
      let result: Result<ReplayPiece, StreamFailure>
      do throws(StreamFailure) {
        let partition = try checked(job, index)
        let slotsPerKey = catalog.directory.streams[job.stream].definition.slotsPerKey
        let newest = partition.ring.newestRecords(since: position, slotsPerKey: slotsPerKey, job.filter)
        let reader = ReplayReader(state: newest.offsets, form: .conflated, next: newest.end)
        kept = reader
        result = .success(try next(reader, from: newest.end, partition, job))
      } catch {
        result = .failure(error)
      }
      job.done(.piece(partition: index, result, kept))
    }
  }

  private func checked(_ job: ReplayJob, _ index: Int) throws(StreamFailure) -> StreamPartition<Log.Partition> {
    let partition = catalog.partitions[job.stream][index]
    guard partition.log.epoch == job.epochs[index] else {
      throw StreamFailure(.epochChanged, "the history of the stream was rebuilt differently")
    }
    return partition
  }

  /// The window that holds this place, or else the one that rested longest.
  private func window(on partition: Log.Partition, at offset: Int64) -> LogWindow<Log.Partition> {
    if let index = windows.lastIndex(where: { $0.isAt(offset, of: partition) }) {
      windows.append(windows.remove(at: index))
    } else if windows.count < Self.windowsMax {
      windows.append(LogWindow(partition))
    } else {
      let oldest = windows.removeFirst()
      oldest.turn(to: partition)
      windows.append(oldest)
    }
    return windows[windows.count - 1]
  }

  /// A reader at `position` that knows the previous position of every key.
  private func open(
    _ partition: StreamPartition<Log.Partition>, stream: Int, at position: Int64
  ) throws(StreamFailure) -> ReplayReader {
    let snapshot = partition.previous.nearest(before: position)
    let start = max(snapshot?.offset ?? 0, partition.log.startOffset)
    let reader = ReplayReader(scan: start, previous: snapshot?.previous ?? [])
    while reader.scan < position {
      let window = window(on: partition.log, at: reader.scan)
      guard try window.seek(reader.scan) else { break }
      try renderers[stream].skim(window, reader, until: position)
    }
    return reader
  }

  /// The next frames: a block full of them, or what there is, or nothing after a bounded scan.
  private func next(
    _ reader: ReplayReader, from position: Int64, _ partition: StreamPartition<Log.Partition>, _ job: ReplayJob
  ) throws(StreamFailure) -> ReplayPiece {
    let index = partition.log.index
    if reader.hasState {
      let run = try state(reader, partition, job)
      return ReplayPiece(run: run, next: position, watermarkMillis: reader.watermarkMillis, isState: true)
    }
    // A reader that only brought a state knows no previous positions yet.
    if reader.form != .data || reader.scan != position {
      let fresh = try open(partition, stream: job.stream, at: position)
      reader.scan = fresh.scan
      reader.previous = fresh.previous
      reader.form = .data
    }
    var filter = job.filter
    filter.extend()
    let fill = BlockFill()
    var scanned = 0
    while !fill.isFull, scanned < Limits.Stream.replayScanBytesMax {
      let window = window(on: partition.log, at: reader.scan)
      guard try window.seek(reader.scan) else { break }
      scanned += try renderers[job.stream].fill(fill, from: window, reader, partition: index, filter)
    }
    let run = fill.run
    catalog.metrics.replayedFrames.add(run?.frameCount ?? 0)
    return ReplayPiece(run: run, next: max(reader.scan, position), watermarkMillis: reader.watermarkMillis)
  }

  /// Frames of the records at the reader's state offsets, as many as a block takes.
  private func state(
    _ reader: ReplayReader, _ partition: StreamPartition<Log.Partition>, _ job: ReplayJob
  ) throws(StreamFailure) -> FrameRun? {
    let fill = BlockFill()
    let retained = partition.log.startOffset
    // The newest record of a key may be older than what is retained: then there is none any more.
    while let offset = reader.state.first, offset < retained { reader.state.removeFirst() }
    while let offset = reader.state.first, !fill.isFull {
      let window = window(on: partition.log, at: offset)
      guard try window.seek(offset) else { throw StreamFailure(.logFailed, "\(offset) is gone") }
      try renderers[job.stream].fill(fill, from: window, stateOf: reader, partition: partition.log.index)
    }
    return fill.run
  }
}
