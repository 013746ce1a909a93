// Ticks and outcomes as lines of text, for fixtures.

import Codecs
import Core
import Events
import Feeds

extension Tick {
  var text: String {
    var writer = ByteWriter()
    writer.append(decimal: price.raw, scale: 18)
    writer.append(utf8: " x ")
    writer.append(decimal: volume.raw, scale: 18)
    let number = sequence.map { " #\($0)" } ?? ""
    return
      "\(kind) \(instrument) \(String(utf8: writer.bytes)) \(side)\(number) at \(RFC3339.text(nanos: eventTime.nanos))"
  }
}

extension FrameOutcome {
  var text: String {
    switch self {
    case .ticks(let count, let kind): "\(kind), ticks: \(count)"
    case .partial(let count, let kind, let rejection):
      "\(kind), ticks: \(count); an element rejected at byte \(rejection.byteOffset): \(rejection.reason)"
    case .counted(let kind): "\(kind)"
    case .rejected(let rejection): "rejected at byte \(rejection.byteOffset): \(rejection.reason)"
    }
  }
}

extension VenueMapper {
  /// The outcome and the ticks of a frame as lines.
  mutating func lines(text frame: String) -> [String] {
    var ticks: [Tick] = []
    let bytes = [UInt8](frame.utf8)
    let outcome = map(text: bytes.span.bytes, receivedAt: Self.receivedAt, into: &ticks)
    return [outcome.text] + ticks.map(\.text)
  }

  mutating func lines(hex: String) -> [String] {
    var ticks: [Tick] = []
    let digits = hex.utf8.map { UInt8($0 < 58 ? $0 - 48 : $0 - 87) }
    let bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    let outcome = map(binary: bytes.span.bytes, receivedAt: Self.receivedAt, into: &ticks)
    return [outcome.text] + ticks.map(\.text)
  }

  /// 2026-01-01T00:00:00Z: what stands where a frame has no time.
  static var receivedAt: Timestamp { Timestamp(nanos: 1_767_225_600_000_000_000) }
}
