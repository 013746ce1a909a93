// GET /v1/prices, /v1/sources: the newest of everything.

import Codecs
import Core
import Events
import Projections

extension EdgeServer {
  var priceRoutes: [Route] {
    [
      Route("GET", "/v1/prices", parameters: ["instruments"]) { [self] routed throws(HTTPProblem) in
        .respond(try prices(routed))
      },
      Route("GET", "/v1/prices/{instrument}") { [self] routed throws(HTTPProblem) in .respond(try price(routed)) },
      Route("GET", "/v1/sources") { [self] _ throws(HTTPProblem) in
        let (statuses, position) = views.sources.all()
        var writer = ByteWriter(capacity: 4096)
        writer.append(list: "sources", statuses, at: position) { $0.appendJSON(to: &$1) }
        writer.append(utf8: "}\n")
        return .respond(HTTPResponse.json(writer).at(position))
      },
    ]
  }

  private func price(_ routed: RoutedRequest) throws(HTTPProblem) -> HTTPResponse {
    let instrument = try routed.instrument()
    guard let item = views.latest.newest(of: instrument) else { throw unknown(instrument, at: views.latest.position) }
    var writer = ByteWriter(capacity: 1024)
    item.value.appendJSON(to: &writer)
    writer.endObject(of: item)
    writer.append(UInt8(ascii: "\n"))
    var response = HTTPResponse.json(writer)
    response.headers.append(("Millrace-Position", "\(item.partition):\(item.offset)"))
    response.headers.append(("Millrace-Epoch", "\(item.epoch)"))
    return response
  }

  private func prices(_ routed: RoutedRequest) throws(HTTPProblem) -> HTTPResponse {
    let wanted = try routed.names("instruments")?.map { Array(InstrumentAlias.resolve($0).utf8) }
    var (items, position) = views.latest.all()
    if let wanted {
      let known = Set(items.map { Array($0.value.instrument.utf8) })
      if let missing = wanted.first(where: { !known.contains($0) }) {
        throw unknown(String(decoding: missing, as: UTF8.self), at: position)
      }
      let set = Set(wanted)
      items = items.filter { set.contains(Array($0.value.instrument.utf8)) }
    }
    var writer = ByteWriter(capacity: 512 * (items.count + 1))
    writer.append(list: "prices", items, at: position) { $0.appendJSON(to: &$1) }
    writer.append(utf8: "}\n")
    return HTTPResponse.json(writer).at(position)
  }

  /// The answer about an instrument of which nothing is known, at a position all the same: it may come any moment.
  func unknown(_ instrument: String, at position: ViewPosition) -> HTTPProblem {
    var remedy = "/v1/prices lists what there is."
    let upper = instrument.uppercased()
    if !upper.utf8.elementsEqual(instrument.utf8), views.latest.newest(of: upper) != nil {
      remedy = "Names are case-sensitive: did you mean \(upper)?"
    } else if let reason = views.tail.unreadyReason {
      remedy = "The server is not ready yet (\(reason)); try again shortly."
    }
    return HTTPProblem(
      404, "Unknown instrument", detail: "There is no '\(instrument)' yet.", remedy: remedy,
      headers: [("Millrace-Position", position.text), ("Millrace-Epoch", position.epochText)])
  }
}
