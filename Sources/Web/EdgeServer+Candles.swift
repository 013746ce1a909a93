// GET /v1/candles/{instrument}: candles of a range, from memory or from the log.

import Codecs
import Core
import Events
import Log
import Projections

/// What a client asked about candles.
struct CandleQuestion: Sendable {
  var instrument: String
  var interval: CandleInterval
  var from: Timestamp
  var to: Timestamp
  var limit: Int
  /// Without a beginning, the newest candles are meant.
  var takesNewest: Bool
}

extension EdgeServer {
  var candleRoutes: [Route] {
    [
      Route("GET", "/v1/candles/{instrument}", parameters: ["interval", "from", "to", "limit"]) {
        [self] routed throws(HTTPProblem) in
        let question = try candleQuestion(routed)
        let answer = views.candles.candles(
          of: question.instrument, interval: question.interval, from: question.from, to: question.to,
          countMax: question.limit + 1, takesNewest: question.takesNewest)
        guard answer.isKnownInstrument else { throw unknown(question.instrument, at: answer.position) }
        guard let oldest = answer.droppedBefore, question.from < oldest, question.needsOlder(than: answer) else {
          return .respond(response(question, answer))
        }
        return .later { [self] reply in
          let isAdded = lane.add { [self] in
            do throws(HTTPProblem) {
              if let whole = try complete(answer, question, until: oldest) {
                reply.send(response(question, whole))
              } else {
                reply.send(response(question, answer, olderBefore: oldest))
              }
            } catch {
              reply.send(error.response)
            }
          }
          if !isAdded { reply.send(HTTPProblem.unavailable("Too many questions are waiting.").response) }
        }
      }
    ]
  }

  private func candleQuestion(_ routed: RoutedRequest) throws(HTTPProblem) -> CandleQuestion {
    let instrument = try routed.instrument()
    let name = routed.parameter("interval") ?? CandleInterval.oneMinute.name
    guard let interval = CandleInterval(name: name) else {
      throw .badParameter(
        "interval", "is no interval",
        remedy: "Known are \(CandleInterval.allCases.map(\.name).joined(separator: ", ")).")
    }
    let from = try routed.moment("from")
    let to = try routed.moment("to") ?? Timestamp(nanos: .max)
    let limit = try routed.count("limit", max: Limits.listedMax, whenMissing: 500)
    if let from, from > to { throw .badParameter("from", "lies after 'to'") }
    return CandleQuestion(
      instrument: instrument, interval: interval, from: from ?? Timestamp(nanos: .min), to: to, limit: limit,
      takesNewest: from == nil)
  }

  /// `{"instrument", "interval", "candles": [...], "next"?, "olderBefore"?, "pos", "epoch"}`; `next` is where to go
  /// on, `olderBefore` where older ones begin that were too far to look for.
  private func response(
    _ question: CandleQuestion, _ answer: CandleView.Answer, olderBefore: Timestamp? = nil
  ) -> HTTPResponse {
    var candles = answer.candles
    var next: Timestamp?
    if candles.count > question.limit {
      if question.takesNewest {
        candles.removeFirst(candles.count - question.limit)
      } else {
        next = candles[question.limit].value.start
        candles.removeLast(candles.count - question.limit)
      }
    }
    var writer = ByteWriter(capacity: 256 * (candles.count + 2))
    writer.append(list: "candles", candles, at: answer.position) { $0.appendJSON(to: &$1) }
    writer.field("instrument", question.instrument)
    writer.field("interval", question.interval.name)
    if let next {
      writer.field("next", next)
    }
    if let olderBefore { writer.field("olderBefore", olderBefore) }
    writer.append(utf8: "}\n")
    return HTTPResponse.json(writer).at(answer.position)
  }

  /// Puts the candles before `oldest`, read from the log, in front of those that the view has. Nil where the newest
  /// are wanted and older ones than those in memory are too far back to be read for that.
  private func complete(
    _ answer: CandleView.Answer, _ question: CandleQuestion, until oldest: Timestamp
  ) throws(HTTPProblem) -> CandleView.Answer? {
    var older = question
    older.to = min(question.to, oldest)
    if question.takesNewest {
      // The newest ones lie within so many intervals, unless nothing was traded in some: then there are fewer.
      let reach = Int64(question.limit + 1) * Int64(question.interval.rawValue) * 1_000_000_000
      older.from = Timestamp(nanos: older.to.nanos.subtractingReportingOverflow(reach).partialValue)
    }
    var answer = answer
    let scanned: [Positioned<Candle>]?
    do throws(LogError) {
      let bytesMax = question.takesNewest ? configuration.newestCandleScanBytesMax : Limits.candleScanBytesMax
      scanned = try CandleScan(log: log, question: older, bytesMax: bytesMax).run()
    } catch {
      configuration.logger.error("old candles cannot be read", ["reason": "\(error)"])
      throw HTTPProblem(500, "Log failed", detail: "The stored candles cannot be read.")
    }
    guard let scanned else {
      if question.takesNewest { return nil }
      throw HTTPProblem(
        422, "Range too long", detail: "The range holds more of the log than one answer may read.",
        remedy: "Ask for a shorter range, or read /v1/streams/prices.candles.")
    }
    answer.candles = scanned + answer.candles.filter { $0.value.start >= oldest }
    let excess = answer.candles.count - question.limit - 1
    if excess > 0 {
      if question.takesNewest { answer.candles.removeFirst(excess) } else { answer.candles.removeLast(excess) }
    }
    return answer
  }
}

extension CandleQuestion {
  /// Whether candles before those in memory can be part of the answer.
  fileprivate func needsOlder(than answer: CandleView.Answer) -> Bool {
    takesNewest ? answer.candles.count <= limit : true
  }
}
