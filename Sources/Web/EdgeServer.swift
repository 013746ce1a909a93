// The edge: everything that a client sees of Millrace.

import Core
package import Feeds
package import Log
import Synchronization

/// Why the edge does not start.
package enum EdgeError: Error, Equatable, Sendable {
  /// The address cannot be served: change it, or stop the other process.
  case http(HTTPDaemonError)
  /// A topic cannot be opened: the log says why.
  case log(LogError)
}

/// Serves the REST interface, replays, ingest and the page over `log`, and hands WebSockets on. Safe to use from any
/// thread.
package final class EdgeServer<Log: EventLog, Sink: TickSink>: Sendable {
  let log: Log
  let sink: Sink
  let configuration: EdgeConfiguration
  let origins: OriginPolicy
  let hosts: HostPolicy
  let keys: APIKeys
  let assets = Assets()
  let lane: WorkLane
  /// Where replays are rendered; each has at most one block under way.
  let replayLane: WorkLane
  let replays = ReplayCount()
  let streamServer: StreamServer<Log>?
  let metrics: EdgeMetrics
  let views: EdgeViews<Log>
  let decoder: IngestDecoder
  private let running = Mutex<HTTPDaemon?>(nil)

  /// Every topic must exist. Nothing is served before `start()`.
  /// With `streams`, WebSockets go there and replays share its index of previous positions.
  package init(
    log: Log, sink: Sink, configuration: EdgeConfiguration, streams: StreamServer<Log>? = nil
  ) {
    streamServer = streams
    self.log = log
    self.sink = sink
    self.configuration = configuration
    origins = OriginPolicy(allowed: configuration.allowedOrigins)
    hosts = HostPolicy(listening: configuration.host)
    keys = APIKeys(configuration.ingestKeys)
    lane = WorkLane(name: "http-work", threads: 2, waitingMax: Limits.httpWaitingMax)
    replayLane = WorkLane(name: "http-replay", threads: 2, waitingMax: 2 * Limits.httpReplaysMax)
    metrics = EdgeMetrics(registry: configuration.metrics)
    views = EdgeViews(log: log, logger: configuration.logger)
    decoder = IngestDecoder(instruments: configuration.ingestInstruments)
  }

  /// Starts the views, listens and serves; returns the port. Answers come at once, `/readyz` tells when they are whole.
  package func start() throws(EdgeError) -> UInt16 {
    if !configuration.servesOperationsOnly { do { try views.tail.start() } catch { throw .log(error) } }
    do { return try listen() } catch {
      views.tail.stop()
      throw .http(error)
    }
  }

  private func listen() throws(HTTPDaemonError) -> UInt16 {
    let table = RouteTable(configuration.servesOperationsOnly ? operationRoutes : routes)
    var settings = HTTPDaemon.Settings()
    settings.host = configuration.host
    settings.port = configuration.port
    settings.threads = configuration.threads
    settings.connectionsPerAddressMax = configuration.connectionsPerAddressMax
    let daemon = HTTPDaemon(
      settings: settings,
      handler: HTTPHandler(
        refusal: { [self] request in refusal(of: request, table) },
        respond: { [self] request in respond(to: request, table) },
        completed: { [metrics] request, status, nanos in metrics.record(request, table, status: status, nanos: nanos) })
    )
    let port = try daemon.start()
    running.withLock { $0 = daemon }
    configuration.metrics.gauge("millrace_http_connections", help: "Open HTTP connections.") { [weak daemon] in
      Double(daemon?.connectionCount ?? 0)
    }
    configuration.logger.info("edge listening", ["host": configuration.host, "port": "\(port)"])
    return port
  }

  /// Stops accepting, answers what is under way until `deadlineNanos` from now, and ends all connections.
  package func stop(deadlineNanos: Int64 = 1_000_000_000) {
    let daemon = running.withLock { daemon -> HTTPDaemon? in
      defer { daemon = nil }
      return daemon
    }
    daemon?.stop(deadlineNanos: deadlineNanos)
    lane.close()
    replayLane.close()
    views.tail.stop()
  }

  /// The table that `schemas/openapi.yaml` documents.
  package var routes: [Route] {
    priceRoutes + candleRoutes + streamRoutes + upgradeRoutes + ingestRoutes + registryRoutes + operationRoutes
      + assetRoutes
  }

  // MARK: Requests

  /// Refuses before the body is read: what has no route, or no right.
  private func refusal(of request: HTTPRequest, _ table: RouteTable) -> HTTPResponse? {
    do throws(HTTPProblem) {
      if request.method == "OPTIONS" { return nil }
      let route = try table.match(request).route
      if route.writes { try authorize(request) }
      return nil
    } catch {
      return dressed(error.response, request)
    }
  }

  private func respond(to request: HTTPRequest, _ table: RouteTable) -> HTTPOutcome {
    if request.method == "OPTIONS" { return .respond(dressed(options(request, table), request)) }
    do throws(HTTPProblem) {
      let (route, routed) = try table.match(request)
      if route.writes { try authorize(request) }
      switch try route.handler(routed) {
      case .respond(let response): return .respond(dressed(response, request))
      case .later(let start):
        return .later { [self] reply in start(HTTPReply { reply.send(self.dressed($0, request)) }) }
      }
    } catch {
      return .respond(dressed(error.response, request))
    }
  }

  private func options(_ request: HTTPRequest, _ table: RouteTable) -> HTTPResponse {
    let methods = request.path == ["*"] ? ["GET", "HEAD", "OPTIONS", "POST"] : table.methods(of: request.path)
    if methods.isEmpty { return HTTPProblem(404, "Not found", detail: "There is nothing here.").response }
    let headers = [("Allow", methods.joined(separator: ", "))]
    return HTTPResponse(status: 204, headers: headers + origins.preflightHeaders(for: request, methods: methods))
  }

  /// Adds what every answer has.
  private func dressed(_ response: HTTPResponse, _ request: HTTPRequest) -> HTTPResponse {
    var response = response
    response.headers.append(("X-Content-Type-Options", "nosniff"))
    response.headers.append(contentsOf: origins.headers(for: request))
    return response
  }

  /// Who may change anything: a holder of a key; where none is configured, a client on this machine that is no page
  /// of another site.
  private func authorize(_ request: HTTPRequest) throws(HTTPProblem) {
    if case .refused(let origin) = origins.verdict(on: request) {
      throw HTTPProblem(
        403, "Origin refused", detail: "Pages of \(origin) may not write here.",
        remedy: "Add the origin to edge.allowedOrigins.")
    }
    if !keys.isEmpty { return try keys.check(request) }
    guard request.isLocal else {
      throw HTTPProblem(
        403, "Key required", detail: "Without a configured key only clients on the same machine may ingest.",
        remedy: "Configure edge.ingestKeyFile and send the key in X-API-Key.")
    }
    guard hosts.isOwn(request) else {
      throw HTTPProblem(
        403, "Host refused", detail: "Without a configured key, ingest answers to this machine's own names only.",
        remedy: "Call it by localhost, a loopback address or the address it listens on, or configure a key.")
    }
  }
}
