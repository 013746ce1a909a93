// What the server says besides the records themselves.

internal import Codecs

/// A control frame about one subscription or the socket.
enum ServerFrame: Hashable {
  /// The subscription stands at `positions`: what comes after them will be sent. For a snapshot, its state is theirs.
  case opened(id: String, stream: String, epochs: [UInt32], positions: [StreamPosition], token: String)
  /// The subscription is at `positions`, whether or not something of it matched the filter.
  case progress(
    id: String, stream: String, positions: [StreamPosition], token: String, watermarkMillis: Int64?)
  /// All history was sent; what follows is live.
  case caughtUp(id: String, stream: String, positions: [StreamPosition], token: String)
  /// The client read too slowly; it goes on from the log until the next `caughtUp`.
  case fellBehind(id: String, stream: String, positions: [StreamPosition], token: String)
  /// The subscription ended at the client's wish; the token resumes it.
  case closed(id: String, token: String?)
  case pong(id: String?, wallMillis: Int64)
  case error(StreamFailure)

  /// Appends the frame's JSON.
  func append(to writer: inout ByteWriter) {
    switch self {
    case .opened(let id, let stream, let epochs, let positions, let token):
      writer.begin("opened", id: id, stream: stream)
      writer.field("epoch", epochs.map { String($0) }.joined(separator: ","))
      writer.position(positions, token: token)
    case .progress(let id, let stream, let positions, let token, let watermark):
      writer.begin("progress", id: id, stream: stream)
      writer.position(positions, token: token)
      writer.field("watermark", watermark)
    case .caughtUp(let id, let stream, let positions, let token):
      writer.begin("caughtUp", id: id, stream: stream)
      writer.position(positions, token: token)
    case .fellBehind(let id, let stream, let positions, let token):
      writer.begin("fellBehind", id: id, stream: stream)
      writer.position(positions, token: token)
    case .closed(let id, let token):
      writer.begin("closed", id: id, stream: nil)
      if let token { writer.field("token", token) }
    case .pong(let id, let wallMillis):
      writer.begin("pong", id: id, stream: nil)
      writer.field("time", wallMillis)
    case .error(let failure):
      writer.begin("error", id: failure.id, stream: nil)
      writer.field("code", failure.code.rawValue)
      writer.field("message", failure.message)
      if let earliest = failure.earliest { writer.field("earliest", earliest.text) }
      if let token = failure.token { writer.field("token", token) }
    }
    writer.endObject()
  }
}

extension [StreamPosition] {
  /// As `StreamPosition.list` reads it.
  package var text: String { map(\.description).joined(separator: ",") }
}

extension ByteWriter {
  fileprivate mutating func begin(_ type: String, id: String?, stream: String?) {
    beginObject()
    field("type", type)
    if let id { field("id", id) }
    if let stream { field("stream", stream) }
  }

  fileprivate mutating func position(_ positions: [StreamPosition], token: String) {
    field("pos", positions.text)
    field("token", token)
  }
}
