// A replay as the body of an answer: rendered ahead on a worker's thread, sent by the connection's own.

import Codecs
import Core
import Log
import Synchronization

/// What of a replay is left to do: belongs to the worker that renders the next block.
private struct ReplayWork<Log: EventLog>: ~Copyable {
  let export: StreamExport<Log>
  let limit: Int64
  /// Event time against wall time; nil for as fast as possible.
  let factor: Double?
  /// Event time and monotonic time of the first record of a paced replay.
  var origin: (eventMillis: Int64, nanos: Int64)?
  /// A record that was rendered before its time.
  var held = ByteWriter(capacity: 1024)
  var block = ByteWriter(capacity: Limits.replayBlockBytes)

  init(_ export: StreamExport<Log>, limit: Int64, factor: Double?) {
    self.export = export
    self.limit = limit
    self.factor = factor
    export.appendHeader(to: &block)
  }
}

/// Two blocks, one being sent while the next is rendered. Safe to use from any thread.
final class StreamBody<Log: EventLog>: Sendable {
  private enum Outcome {
    /// A block was rendered; the next one may be after this moment, 0 for at once.
    case block(dueNanos: Int64)
    case end
    case failed(StreamFailure)
  }

  private struct State: ~Copyable {
    var front = ByteWriter(capacity: 16)
    var sentCount = 0
    var back = ByteWriter(capacity: 16)
    var isRendering = false
    var outcome = Outcome.block(dueNanos: 0)
  }

  private let state = Mutex(State())
  private let work: Mutex<ReplayWork<Log>>
  private let lane: WorkLane
  private let clock = SystemClock()
  private let finished: @Sendable (StreamFailure?) -> Void
  private let sent: Counter

  /// `finished` is called once, with the reason where the replay broke off; not where the client did.
  init(
    _ export: StreamExport<Log>, limit: Int64, factor: Double?, lane: WorkLane, sent: Counter,
    finished: @escaping @Sendable (StreamFailure?) -> Void
  ) {
    work = Mutex(ReplayWork(export, limit: limit, factor: factor))
    self.lane = lane
    self.sent = sent
    self.finished = finished
  }

  func pull(into output: inout OutputRawSpan, _ waker: HTTPWaker) -> HTTPPull {
    let now = clock.monotonicNanos()
    let (count, result, renders) = state.withLock { state -> (Int, HTTPPull, Bool) in
      if state.sentCount == state.front.count, !state.isRendering {
        swap(&state.front, &state.back)
        state.back.removeAll()
        state.sentCount = 0
      }
      let count = min(output.freeCapacity, state.front.count - state.sentCount)
      if count > 0 {
        output.append(contentsOf: state.front.bytes.extracting(state.sentCount..<state.sentCount + count))
        state.sentCount += count
      }
      if state.isRendering { return (count, count > 0 ? .more : .parked, false) }
      let isSent = state.sentCount == state.front.count
      switch state.outcome {
      case .failed: return (count, isSent && count == 0 ? .failed : .more, false)
      case .end: return (count, isSent && count == 0 && state.back.count == 0 ? .end : .more, false)
      case .block(let dueNanos):
        // The next block is begun only into an empty one: what is ready and not sent bounds the memory.
        if state.back.count > 0 { return (count, .more, false) }
        if dueNanos > now { return (count, count > 0 || !isSent ? .more : .wait(untilNanos: dueNanos), false) }
        state.isRendering = true
        return (count, count > 0 ? .more : .parked, true)
      }
    }
    sent.add(count)
    if renders, !lane.add({ [self] in renderBlock(waker) }) { return .failed }
    return result
  }

  private func renderBlock(_ waker: HTTPWaker) {
    work.withLock { work in
      let outcome = render(&work)
      state.withLock { state in
        swap(&state.back, &work.block)
        state.outcome = outcome
        state.isRendering = false
      }
      work.block.removeAll()
      switch outcome {
      case .block: break
      case .end: finished(nil)
      case .failed(let failure): finished(failure)
      }
    }
    waker.wake()
  }

  private func render(_ work: inout ReplayWork<Log>) -> Outcome {
    do throws(StreamFailure) {
      append(work.held, from: 0, to: &work.block)
      work.held.removeAll()
      let left = Int(clamping: work.limit - work.export.recordCount)
      if left <= 0 { return .end }
      if let factor = work.factor { return try renderPaced(&work, factor) }
      let hasMore = try work.export.next(
        into: &work.block, bytesMax: Limits.replayBlockBytes, recordsMax: left,
        scannedMax: Limits.replayScanRecordsMax)
      return hasMore && work.export.recordCount < work.limit ? .block(dueNanos: 0) : .end
    } catch {
      return .failed(error)
    }
  }

  private func append(_ source: borrowing ByteWriter, from start: Int, to target: inout ByteWriter) {
    target.append(source.bytes.extracting(start..<source.count))
  }

  /// Renders record by record until one is not due yet, which is held back.
  private func renderPaced(_ work: inout ReplayWork<Log>, _ factor: Double) throws(StreamFailure) -> Outcome {
    while work.block.count < Limits.replayBlockBytes {
      if work.export.recordCount >= work.limit { return .end }
      let countBefore = work.block.count
      let recordsBefore = work.export.recordCount
      let hasMore = try work.export.next(
        into: &work.block, bytesMax: .max >> 1, recordsMax: 1, scannedMax: Limits.replayScanRecordsMax)
      guard work.export.recordCount > recordsBefore, let eventMillis = work.export.eventTimeMillis else {
        return hasMore ? .block(dueNanos: 0) : .end
      }
      let now = clock.monotonicNanos()
      let origin = work.origin ?? (eventMillis, now)
      work.origin = origin
      let offset = Double(eventMillis - origin.eventMillis) * 1e6 / factor
      let dueNanos = origin.nanos &+ Int64(min(max(offset, 0), Limits.replayPaceNanosMax))
      guard dueNanos > now else { continue }
      append(work.block, from: countBefore, to: &work.held)
      work.block.truncate(to: countBefore)
      return .block(dueNanos: dueNanos)
    }
    return .block(dueNanos: 0)
  }
}

extension OutputRawSpan {
  /// Appends bytes that fit.
  @_lifetime(self: copy self)
  fileprivate mutating func append(contentsOf bytes: RawSpan) {
    let count = bytes.byteCount
    unsafe withUnsafeMutableBytes { buffer, initializedCount in
      let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[initializedCount...])
      unsafe bytes.withUnsafeBytes { unsafe free.copyMemory(from: $0) }
      initializedCount += count
    }
  }
}
