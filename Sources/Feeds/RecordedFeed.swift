// Captures of real venues as a feed: at their own pace, faster, or as fast as the log takes them.

package import Core
import Events
import Synchronization

/// Plays the `<venue>.jsonl` files of a directory, merged by the time of receipt, with a clock tick each second of
/// recorded time. Safe from any thread.
package final class RecordedFeed<TimeSource: Clock, Sink: TickSink>: Sendable {
  private let directory: String
  private let speedMilli: Int?
  private let clock: TimeSource
  private let outlet: FeedOutlet<Sink>
  private let thread = FeedThread()
  private let state = Mutex(FeedReport())

  /// `speedMilli` is recorded seconds per second, in thousandths; nil is as fast as the sink takes it.
  package init(directory: String, speedMilli: Int?, clock: TimeSource, sink: Sink) {
    self.directory = directory
    self.speedMilli = speedMilli
    self.clock = clock
    outlet = FeedOutlet(sink)
  }

  package var progress: FeedProgress { outlet.progress }

  /// What was played: of all files once the feed has ended, up to some recent frame before.
  package var report: FeedReport { state.withLock { $0 } }

  /// Whether the directory can be played, without playing it.
  package static func check(directory: String) throws(FeedError) { _ = try RecordingFile.list(directory) }

  /// Starts the feed's thread. `onEnd` runs on it once everything was sent, with an error where nothing could be.
  package func start(onEnd: (@Sendable (FeedError?) -> Void)? = nil) {
    thread.start("recorded") {
      do throws(FeedError) {
        let recording = try RecordingMerge(directory: self.directory)
        self.play(recording)
        if !self.thread.isStopping { onEnd?(nil) }
      } catch {
        self.state.withLock { $0.failures.append(error.description) }
        onEnd?(error)
      }
    }
  }

  /// Ends the feed within the time that the sink takes for a batch, and waits for it.
  package func stop() { thread.stop() }

  /// Waits until everything was sent, or until `stop()`.
  package func wait() { thread.wait() }

  private func play(_ recording: RecordingMerge) {
    var ticks: [Tick] = []
    var marker = SecondMarker()
    var playback: PlaybackTime?
    if let speedMilli, let first = recording.nextTime {
      playback = PlaybackTime(speedMilli: speedMilli, from: first, now: clock.monotonicNanos())
    }
    while let time = recording.nextTime, !thread.isStopping {
      guard wait(for: time, &playback, &marker, &ticks) else { break }
      marker.mark(upTo: time, into: &ticks)
      recording.play(into: &ticks)
      if ticks.count >= Limits.feedBatchTicks { publish(recording, &ticks) }
    }
    publish(recording, &ticks)
  }

  /// Waits until the frame of `time` is due, with a clock tick for each second on the way; a pause that is cut short
  /// has none. False when the feed is stopped.
  private func wait(
    for time: Timestamp, _ playback: inout PlaybackTime?, _ marker: inout SecondMarker, _ ticks: inout [Tick]
  ) -> Bool {
    guard var timing = playback else { return true }
    defer { playback = timing }
    if !timing.isIdle(until: time) {
      while let second = marker.nextDue, second <= time {
        guard pause(until: timing.due(second), &ticks) else { return false }
        marker.mark(upTo: second, into: &ticks)
      }
    }
    timing.advance(to: time)
    return pause(until: timing.due(time), &ticks)
  }

  /// Pauses only for what is worth it; what has gathered is sent before.
  private func pause(until due: Int64, _ ticks: inout [Tick]) -> Bool {
    let nanos = due - clock.monotonicNanos()
    if nanos < Limits.feedBatchNanos { return !thread.isStopping }
    outlet.send(&ticks)
    return thread.pause(nanos)
  }

  private func publish(_ recording: RecordingMerge, _ ticks: inout [Tick]) {
    outlet.send(&ticks)
    state.withLock { $0 = recording.report }
  }
}
