// GET /v1/streams: what can be replayed, and from where to where.

import Codecs
import Events
import Log

extension EdgeServer {
  var streamRoutes: [Route] {
    [
      Route("GET", "/v1/streams") { [self] _ throws(HTTPProblem) in .respond(try streams()) }
    ]
  }

  private func streams() throws(HTTPProblem) -> HTTPResponse {
    var writer = ByteWriter(capacity: 1024)
    writer.append(utf8: "{\"streams\":[")
    let topics = log.topics().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for (index, topic) in topics.enumerated() {
      if index > 0 { writer.append(UInt8(ascii: ",")) }
      let known = Topic.all.first { $0.name.utf8.elementsEqual(topic.name.utf8) }
      writer.append(member: "stream", isFirst: true)
      writer.append(jsonString: known?.stream ?? topic.name)
      writer.append(member: "topic")
      writer.append(jsonString: topic.name)
      writer.append(member: "isDerived")
      writer.append(json: topic.isDerived)
      writer.append(member: "partitions")
      writer.append(UInt8(ascii: "["))
      for partition in 0..<topic.partitions {
        let log: Log.Partition
        do { log = try self.log.partition(topic.name, partition) } catch { continue }
        if partition > 0 { writer.append(UInt8(ascii: ",")) }
        let start = log.startOffset
        let end = log.highWatermark
        writer.append(
          utf8: "{\"partition\":\(partition),\"epoch\":\(log.epoch),\"from\":\"\(partition):\(start)\"")
        writer.append(utf8: ",\"to\":\"\(partition):\(end)\"}")
      }
      writer.append(utf8: "]}")
    }
    writer.append(utf8: "]}\n")
    return .json(writer)
  }
}
