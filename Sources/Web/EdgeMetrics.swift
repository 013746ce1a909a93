// What the edge counts about its requests.

import Core

/// Counters by route, method and class of status; all series are made when the first request of a kind ends.
struct EdgeMetrics: Sendable {
  private let registry: Metrics
  let ingestAccepted: Counter
  let ingestRejected: Counter
  let replayBytes: Counter

  init(registry: Metrics) {
    self.registry = registry
    ingestAccepted = registry.counter("millrace_http_ingest_accepted_total", help: "Records taken by HTTP ingest.")
    ingestRejected = registry.counter("millrace_http_ingest_rejected_total", help: "Records refused by HTTP ingest.")
    replayBytes = registry.counter("millrace_http_replay_bytes_total", help: "Bytes of replays sent over HTTP.")
  }

  /// Counts a request under its route's pattern: a label never holds what a client wrote.
  func record(_ request: HTTPRequest, _ table: RouteTable, status: Int, nanos: Int64) {
    let pattern = table.pattern(of: request.path) ?? "none"
    let method = ["GET", "HEAD", "POST", "OPTIONS"].contains(request.method) ? request.method : "other"
    registry.counter(
      "millrace_http_requests_total", help: "Requests by route and class of status.",
      labels: ["route": pattern, "method": method, "status": status == 0 ? "cut" : "\(status / 100)xx"]
    ).add()
    registry.histogram(
      "millrace_http_request_seconds", help: "Time from the request line to the end of the answer.",
      labels: ["route": pattern]
    ).record(nanos)
  }
}
