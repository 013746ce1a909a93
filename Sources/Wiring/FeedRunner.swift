// The feeds that a topology names, started and stopped alike.

import Core
import Feeds

/// One running feed. `any` stands here alone, in the composition root: which feeds there are is known at run time.
struct FeedRunner: Sendable {
  let name: String
  /// Ends it; what it generated was sent.
  let stop: @Sendable () -> Void

  /// Starts `feed`. `onEnd` is given a report, line by line, when it ends by itself.
  static func start<Sink: TickSink>(
    _ feed: Topology.Feed, clock: SystemClock, sink: Sink, onEnd: @escaping @Sendable ([String]) -> Void
  ) -> FeedRunner {
    switch feed {
    case .synthetic(let synthetic):
      let pace = synthetic.ratePerSecond.map { SyntheticPace.perSecond($0) } ?? .max
      let running = SyntheticFeed(synthetic.configuration, pace: pace, clock: clock, sink: sink)
      running.start()
      return FeedRunner(name: feed.summary) { running.stop() }
    case .recorded(let recorded):
      let running = RecordedFeed(
        directory: recorded.directory, speedMilli: recorded.speedMilli, clock: clock, sink: sink)
      running.start { [weak running] error in
        let lines = running?.report.text ?? []
        onEnd(error.map { lines + ["\($0)"] } ?? lines + ["recordings played"])
      }
      return FeedRunner(name: feed.summary) { running.stop() }
    }
  }
}

extension Topology.Synthetic {
  var configuration: SyntheticConfiguration {
    var configuration = SyntheticConfiguration()
    configuration.seed = seed
    configuration.instruments = instruments
    configuration.sources = sources
    configuration.ticksPerSecond = ratePerSecond ?? configuration.ticksPerSecond
    configuration.dropOutsPerMillion = dropOutsPerMillion
    configuration.outliersPerMillion = outliersPerMillion
    configuration.latePerMillion = latePerMillion
    configuration.duplicatesPerMillion = duplicatesPerMillion
    return configuration
  }
}
