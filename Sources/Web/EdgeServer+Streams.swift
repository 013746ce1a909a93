// GET /v1/streams: what can be replayed, and the replays themselves.

import Codecs
import Core
import Events
import Log
import Synchronization

extension EdgeServer {
  var streamRoutes: [Route] {
    [
      Route("GET", "/v1/streams") { [self] _ throws(HTTPProblem) in .respond(try streams()) },
      Route("GET", "/v1/streams/{stream}", parameters: ["keys", "from", "to", "format", "speed", "limit"]) {
        [self] routed throws(HTTPProblem) in try replay(routed)
      },
    ]
  }

  /// Looking up where the range begins may wait for the disk, and so may rendering it: both are a worker's.
  private func replay(_ routed: RoutedRequest) throws(HTTPProblem) -> HTTPOutcome {
    let range = try streamRange(routed)
    let factor = try speed(routed)
    let limit = try routed.count("limit", max: .max, whenMissing: .max)
    guard replays.begin(max: Limits.httpReplaysMax) else {
      throw HTTPProblem(
        429, "Too many replays", detail: "\(Limits.httpReplaysMax) replays are under way.",
        remedy: "Try again when one has ended.",
        headers: [("Retry-After", "\(Limits.httpReplayRetrySeconds)")] + replayLimit.headers)
    }
    let ticket = ReplayTicket(replays)
    return .later { [self] reply in
      let isAdded = replayLane.add { [self] in
        do throws(StreamFailure) {
          reply.send(respond(try export(range), range, limit: Int64(limit), factor: factor, ticket))
        } catch {
          reply.send(Self.problem(error).response)
        }
      }
      if !isAdded { reply.send(HTTPProblem.unavailable("The server is stopping.").response) }
    }
  }

  private var replayLimit: RateLimit {
    RateLimit(
      name: "replays", quota: Limits.httpReplaysMax, remaining: max(0, Limits.httpReplaysMax - replays.current),
      resetSeconds: Limits.httpReplayRetrySeconds)
  }

  private func streamRange(_ routed: RoutedRequest) throws(HTTPProblem) -> StreamRange {
    var range = StreamRange(stream: routed.captures[0])
    if let from = routed.parameter("from") {
      guard let bound = StreamBound(from) else {
        throw .badParameter("from", "names no place", remedy: "Write \(StreamBound.forms).")
      }
      range.from = bound
    }
    if let to = routed.parameter("to") {
      guard let bound = StreamBound(to) else {
        throw .badParameter("to", "names no place", remedy: "Write \(StreamBound.forms).")
      }
      range.to = bound
    }
    if let format = routed.parameter("format") {
      guard let known = StreamRange.Format(rawValue: format) else {
        throw .badParameter("format", "is no format", remedy: "Known are ndjson and csv.")
      }
      range.format = known
    }
    range.keys = try routed.names("keys")?.map { Array($0.utf8) }
    return range
  }

  private func speed(_ routed: RoutedRequest) throws(HTTPProblem) -> Double? {
    guard let text = routed.parameter("speed"), text != "max" else { return nil }
    guard let factor = Double(text), Limits.replayFactors.contains(factor) else {
      throw .badParameter("speed", "is neither max nor a factor of event time", remedy: "Write max, 1, 10, 0.5 ...")
    }
    return factor
  }

  private func export(_ range: StreamRange) throws(StreamFailure) -> StreamExport<Log> {
    if let streamServer { return try streamServer.export(range) }
    return try StreamExport(log: log, range: range)
  }

  private func respond(
    _ export: StreamExport<Log>, _ range: StreamRange, limit: Int64, factor: Double?, _ ticket: ReplayTicket
  ) -> HTTPResponse {
    let body = StreamBody(
      export, limit: limit, factor: factor, lane: replayLane, sent: metrics.replayBytes,
      finished: { [logger = configuration.logger] failure in
        if let failure { logger.error("a replay broke off", ["stream": range.stream, "reason": failure.message]) }
      })
    let bounds = export.bounds
    return HTTPResponse(
      headers: [
        ("Content-Type", range.format == .csv ? "text/csv; charset=utf-8" : "application/x-ndjson"),
        ("Cache-Control", "no-store"),
        ("Millrace-From", bounds.map { "\($0.partition):\($0.start)" }.joined(separator: ",")),
        ("Millrace-Position", bounds.map { "\($0.partition):\($0.end - 1)" }.joined(separator: ",")),
        ("Millrace-Epoch", bounds.map { "\($0.epoch)" }.joined(separator: ",")),
      ] + replayLimit.headers,
      body: .pulled { output, waker in
        _ = ticket
        return body.pull(into: &output, waker)
      })
  }

  private static func problem(_ failure: StreamFailure) -> HTTPProblem {
    var code = ByteWriter()
    code.append(jsonString: failure.code.rawValue)
    var members = [(name: "code", json: String(utf8: code.bytes))]
    if let earliest = failure.earliest { members.append((name: "earliest", json: "\"\(earliest.text)\"")) }
    switch failure.code {
    case .unknownStream:
      return HTTPProblem(
        404, "Unknown stream", detail: failure.message, remedy: "/v1/streams lists what there is.", members: members)
    case .positionExpired:
      return HTTPProblem(
        410, "Position expired", detail: failure.message, remedy: "Start from earliest.", members: members)
    case .logUnavailable: return .unavailable(failure.message)
    case .logFailed: return HTTPProblem(500, "Log failed", detail: "The log cannot be read there.", members: members)
    default: return HTTPProblem(400, "Bad range", detail: failure.message, members: members)
    }
  }

  private func streams() throws(HTTPProblem) -> HTTPResponse {
    var writer = ByteWriter(capacity: 1024)
    writer.beginObject()
    writer.field("streams")
    writer.beginArray()
    let topics = log.topics().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for topic in topics {
      writer.beginObject()
      let known = Topic.all.first { $0.name.utf8.elementsEqual(topic.name.utf8) }
      writer.field("stream", known?.stream ?? topic.name)
      writer.field("topic", topic.name)
      writer.field("isDerived", topic.isDerived)
      writer.field("partitions")
      writer.beginArray()
      for partition in 0..<topic.partitions {
        let log: Log.Partition
        do { log = try self.log.partition(topic.name, partition) } catch { continue }
        writer.beginObject()
        writer.field("partition", partition)
        writer.field("epoch", "\(log.epoch)")
        writer.field("from", "\(partition):\(log.startOffset)")
        writer.field("to", "\(partition):\(log.highWatermark)")
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.append(utf8: "}\n")
    return .json(writer)
  }
}

/// How many replays are under way.
final class ReplayCount: Sendable {
  private let count = Atomic<Int>(0)

  var current: Int { count.load(ordering: .relaxed) }

  /// Counts one more, unless there are `max` already.
  func begin(max: Int) -> Bool {
    if count.add(1, ordering: .relaxed).newValue <= max { return true }
    end()
    return false
  }

  func end() { count.subtract(1, ordering: .relaxed) }
}

/// One replay under way: it ends with the last reference, whether sent, refused or given up by the client.
final class ReplayTicket: Sendable {
  private let count: ReplayCount
  init(_ count: ReplayCount) { self.count = count }
  deinit { count.end() }
}
