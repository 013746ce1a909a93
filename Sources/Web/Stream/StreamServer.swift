// The WebSocket half of the edge: takes sockets whose upgrade was answered and serves `/v1/stream` on them.

package import Core
package import Log
internal import Synchronization

/// Fan-out, replay and hand-over for all clients of `/v1/stream`. Safe to use from any thread.
package final class StreamServer<Log: EventLog>: Sendable {
  let catalog: StreamCatalog<Log>
  private let settings: StreamSettings
  private let pool: ReplayPool<Log>
  private let reactors: [StreamReactor]
  private let publisher: StreamPublisher<Log>
  private let nextReactor = Atomic<Int>(0)
  private let threads = Mutex<[NamedThread]>([])

  /// Prepares to serve the streams of `log`; topics that it does not have at this moment have no stream. Nothing runs
  /// before `start()`.
  package init(
    log: Log, settings: StreamSettings = StreamSettings(), metrics: Metrics = Metrics()
  ) throws(StreamServerError) {
    self.settings = settings
    do throws(LogError) {
      catalog = try StreamCatalog(
        log: log, definitions: StreamDefinition.all, ringBytesMax: settings.ringBytesMax,
        metrics: StreamMetrics(metrics))
    } catch {
      throw .log(error)
    }
    do throws(ReactorError) {
      pool = try ReplayPool(catalog, workers: settings.replayWorkers)
      var reactors: [StreamReactor] = []
      for _ in 0..<max(1, settings.reactors) { reactors.append(try StreamReactor()) }
      self.reactors = reactors
    } catch {
      throw .descriptors(error)
    }
    publisher = StreamPublisher(catalog) { [reactors] in
      for reactor in reactors { reactor.ringsGrew() }
    }
  }

  /// Starts the threads. Call once.
  package func start() {
    pool.start()
    var started = [NamedThread("publisher") { [publisher] in publisher.run() }]
    for (index, mailbox) in reactors.enumerated() {
      started.append(
        NamedThread("stream-\(index)") { [self] in
          StreamLoop(catalog: catalog, mailbox: mailbox, pool: pool, clock: SystemClock(), settings: settings).run()
        })
    }
    threads.withLock { $0 = started }
  }

  /// Whether the history that existed at the start has been gone through; before, clients wait.
  package var isReady: Bool { catalog.isReady.load(ordering: .acquiring) }

  /// Takes over a connected socket whose WebSocket handshake has been answered with 101 (subprotocol
  /// `millrace.v1`). `initialBytes` are what was read from it after the request's end. The descriptor belongs to the
  /// server from here on, which makes it non-blocking and closes it, also when it cannot serve it. Never blocks.
  package func adopt(descriptor: Int32, initialBytes: [UInt8]) {
    catalog.metrics.clients.change(by: 1)
    let next = nextReactor.wrappingAdd(1, ordering: .relaxed).newValue
    let reactor = reactors[Int(UInt(bitPattern: next) % UInt(reactors.count))]
    reactor.post(.adopt(descriptor: descriptor, initialBytes: initialBytes))
  }

  /// Tells whether derived topics are being regenerated. While they are, a token after their end waits for them; once
  /// they are not, it is refused. Not so by default.
  package func setRegenerating(_ isRegenerating: Bool) {
    catalog.isRegenerated.store(!isRegenerating, ordering: .releasing)
  }

  /// Closes all clients with 1001 and ends the threads; what is not sent after `deadlineNanos` is cut off. Call before
  /// closing the log.
  package func stop(deadlineNanos: Int64 = 1_000_000_000) {
    let deadline = SystemClock().monotonicNanos() + deadlineNanos
    for reactor in reactors { reactor.post(.stop(deadlineNanos: deadline)) }
    publisher.stop()
    let started = threads.withLock { threads -> [NamedThread] in
      defer { threads = [] }
      return threads
    }
    for thread in started { thread.join() }
    pool.stop()
  }
}

/// Why a stream server cannot be made.
package enum StreamServerError: Error, Equatable, Sendable {
  /// The log has a topic but not its partitions.
  case log(LogError)
  /// The process is at its limit of descriptors.
  case descriptors(ReactorError)
  /// The benchmark's port cannot be listened on; the code is `errno`.
  case listening(Int32)
}
