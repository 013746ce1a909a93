// The value of a data frame: the event as JSON.

internal import Codecs
internal import Events

extension RecordRenderer {
  /// What a frame says about its event beside the value.
  struct Shown {
    var eventTimeMillis: Int64
    var appendTimeMillis: Int64?
    var isGap = false
  }

  /// Appends the event's JSON to `value`. A record that cannot be decoded is shown as null with what the record itself
  /// tells: the client sees that there is one, and the dead-letter topic says why.
  func appendValue(of record: borrowing RecordView, to value: inout ByteWriter) -> Shown {
    do throws(CodecError) {
      return try appendEvent(of: record, to: &value)
    } catch {
      value.removeAll()
      value.append(utf8: "null")
      return Shown(eventTimeMillis: record.timestampMillis, appendTimeMillis: nil)
    }
  }

  private func appendEvent(of record: borrowing RecordView, to value: inout ByteWriter) throws(CodecError) -> Shown {
    switch definition.topic {
    case .ticks:
      let (tick, appendTime) = try Tick.decode(copy record)
      tick.appendJSON(appendTime: appendTime, to: &value)
      return Shown(
        eventTimeMillis: tick.eventTime.millis, appendTimeMillis: appendTime.millis, isGap: tick.kind == .gap)
    case .latest:
      let price = try LatestPrice(decoding: copy record)
      price.appendJSON(to: &value)
      return Shown(eventTimeMillis: price.eventTime.millis, appendTimeMillis: price.appendTime.millis)
    case .candles:
      let candle = try Candle(decoding: copy record)
      candle.appendJSON(to: &value)
      return Shown(eventTimeMillis: candle.eventTime.millis, appendTimeMillis: candle.appendTime.millis)
    case .sourceStatus:
      let status = try SourceStatus(decoding: copy record)
      status.appendJSON(to: &value)
      return Shown(eventTimeMillis: status.eventTime.millis, appendTimeMillis: status.appendTime.millis)
    case .deadTicks:
      let letter = try DeadLetter(decoding: copy record)
      letter.appendJSON(to: &value)
      return Shown(eventTimeMillis: letter.eventTime.millis, appendTimeMillis: letter.appendTime.millis)
    default: throw .malformed(at: 0, reason: "a topic without a JSON form")
    }
  }
}
