// POST /v1/ingest/prices.ticks: records in, an answer once they are durable.

import Codecs
import Core
import Events
import Feeds

extension EdgeServer {
  var ingestRoutes: [Route] {
    [
      Route("POST", "/v1/ingest/prices.ticks") { [self] routed throws(HTTPProblem) in
        // Decoding, and the log's back-pressure, would hold up the other connections of this thread.
        .later { [self] reply in
          if !lane.add({ [self] in ingest(routed.request, reply) }) {
            reply.send(HTTPProblem.unavailable("Too many requests are waiting to be taken in.").response)
          }
        }
      }
    ]
  }

  private func ingest(_ request: HTTPRequest, _ reply: HTTPReply) {
    let body = request.body
    let format = unsafe IngestFormat(contentType: request.header("Content-Type"), body: body.span.bytes)
    let result = unsafe decoder.decode(
      body.span.bytes, format: format, now: Timestamp(nanos: SystemClock().wallNanos()))
    metrics.ingestRejected.add(result.errorCount)
    guard !result.ticks.isEmpty else {
      var list = ByteWriter(capacity: 1024)
      list.append(errors: result.errors)
      reply.send(
        HTTPProblem(
          400, "Nothing accepted", detail: "None of the request's records could be taken in.",
          remedy: "Each entry of 'errors' names a record by its index, the field, and what to send instead.",
          members: [
            ("accepted", "0"), ("rejected", "\(result.errorCount)"), ("errors", String(utf8: list.bytes)),
          ]
        ).response)
      return
    }
    let accepted = result.ticks.count
    let errors = result.errors
    let rejected = result.errorCount
    sink.send(result.ticks) { [metrics] failure in
      if let failure {
        // Which of the records are durable is not known: the client has to send all of them again.
        reply.send(
          HTTPProblem(
            503, "Not durable", detail: "The records could not be stored: \(failure).",
            remedy: "Send the request again; a duplicate does no harm to prices, but counts in the volume.",
            headers: [("Retry-After", "1")]
          ).response)
        return
      }
      metrics.ingestAccepted.add(accepted)
      var writer = ByteWriter()
      writer.beginObject()
      writer.field("accepted", accepted)
      writer.field("rejected", rejected)
      writer.field("errors")
      writer.append(errors: errors)
      writer.append(utf8: "}\n")
      reply.send(.json(writer))
    }
  }
}

extension ByteWriter {
  fileprivate mutating func append(errors: [IngestError]) {
    beginArray()
    for error in errors {
      beginObject()
      field("index", error.index)
      if let line = error.line { field("line", line) }
      field("field", error.field)
      field("message", error.message)
      endObject()
    }
    endArray()
  }
}
