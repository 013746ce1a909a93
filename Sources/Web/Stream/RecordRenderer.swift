// Records as the JSON of data frames: the same bytes for every client, live or replayed.

internal import Codecs
internal import Core
internal import Events

/// Renders the records of one stream; belongs to one thread and reuses its buffers.
///
/// The frame is a function of the record, its place and the previous place of its key:
/// `{"type":"data","stream":S,"key":K,"pos":"P:O","prev":"P:O"|null,"eventTime":ms,"appendTime":ms,"value":{...}}`.
final class RecordRenderer {
  let definition: StreamDefinition
  private var keys: KeyCache
  private var payload = ByteWriter(capacity: 1024)
  private var value = ByteWriter(capacity: 1024)
  private let prefixes: (data: [UInt8], gap: [UInt8], snapshot: [UInt8])

  init(_ definition: StreamDefinition, keys: KeyTable) {
    self.definition = definition
    self.keys = KeyCache(keys)
    func prefix(_ type: String) -> [UInt8] {
      var writer = ByteWriter()
      writer.append(utf8: "{\"type\":\"\(type)\",\"stream\":")
      writer.append(jsonString: definition.name)
      writer.append(utf8: ",\"key\":")
      return writer.copy()
    }
    prefixes = (prefix("data"), prefix("gap"), prefix("snapshot"))
  }

  /// The index of the record's key; nil for a record that clients are not shown: the clocks among the ticks.
  @inline(__always) func key(of record: borrowing RecordView) -> Int32? {
    guard record.hasKey || definition.topic != .ticks else { return nil }
    return keys.index(of: record.key)
  }

  /// Which of its key's current values the record is: of candles, the interval's.
  func slot(of record: borrowing RecordView, key: Int32) -> Int {
    guard definition.topic == .candles else { return Int(key) }
    return Int(key) * definition.slotsPerKey + (intervalIndex(of: record) ?? 0)
  }

  private func intervalIndex(of record: borrowing RecordView) -> Int? {
    var reader = ByteReader(record.value)
    guard (try? reader.expectSchema(of: .candles)) != nil, let seconds = try? reader.readInt() else { return nil }
    return CandleInterval.allCases.firstIndex { $0.rawValue == seconds }
  }

  /// Renders a record with a key and hands out the frame's text, valid until the next call.
  func render(
    _ record: borrowing RecordView, partition: Int, previous: Int64, form: ReplayReader.Form,
    _ body: (RawSpan) -> Void
  ) {
    value.removeAll()
    let shown = appendValue(of: record, to: &value)
    payload.removeAll()
    let prefix = form == .snapshot ? prefixes.snapshot : shown.isGap ? prefixes.gap : prefixes.data
    payload.append(unsafe prefix.span.bytes)
    payload.append(keyOf: record)
    payload.append(utf8: ",\"pos\":\"")
    payload.append(partition: partition, offset: record.offset)
    payload.append(UInt8(ascii: "\""))
    if form == .data {
      payload.append(utf8: ",\"prev\":")
      if previous >= 0 {
        payload.append(UInt8(ascii: "\""))
        payload.append(partition: partition, offset: previous)
        payload.append(UInt8(ascii: "\""))
      } else {
        payload.append(utf8: "null")
      }
    } else if form == .conflated {
      payload.append(utf8: ",\"conflated\":true")
    }
    payload.append(utf8: ",\"eventTime\":")
    payload.append(integer: shown.eventTimeMillis)
    payload.append(utf8: ",\"appendTime\":")
    if let appendTime = shown.appendTimeMillis {
      payload.append(integer: appendTime)
    } else {
      payload.append(utf8: "null")
    }
    payload.append(utf8: ",\"value\":")
    payload.append(contentsOf: value)
    payload.append(UInt8(ascii: "}"))
    payload.hand(to: body)
  }
}

extension ByteWriter {
  // Both lend a buffer that a class owns for the time of a call, which a property of one cannot.
  fileprivate func hand(to body: (RawSpan) -> Void) { body(bytes) }
  fileprivate mutating func append(contentsOf other: borrowing ByteWriter) { append(other.bytes) }

  fileprivate mutating func append(partition: Int, offset: Int64) {
    append(integer: Int64(partition))
    append(UInt8(ascii: ":"))
    append(integer: offset)
  }

  /// The key as JSON: null, or its text, in which bytes that are not UTF-8 become U+FFFD.
  fileprivate mutating func append(keyOf record: borrowing RecordView) {
    if !record.hasKey {
      append(utf8: "null")
    } else if record.key.isUTF8 {
      append(jsonString: record.key)
    } else {
      append(jsonString: String(utf8: record.key))
    }
  }
}
