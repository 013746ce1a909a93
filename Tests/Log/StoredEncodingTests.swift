// A topic whose values are stored as text: what is on disk, what readers see, and what is refused.

import Codecs
import Events
import Kit
import Log
import PortKit
import Testing

@Suite struct StoredEncodingTests {
  private static let tick = Tick(
    kind: .trade, instrument: "BTC/USD", source: "coinbase", price: Price(raw: 65_000_120_000_000_000_000_000),
    volume: Quantity(raw: 1_500_000_000_000_000), sequence: 7, eventTime: Timestamp(nanos: 1_700_000_000_123_456_789))
  private static let text =
    #"{"kind":"trade","side":"unknown","eventTime":1700000000123456789,"appendTime":5,"source":"coinbase","#
    + #""price":65000.12,"volume":0.0015,"sequence":7}"#

  private func open(_ directory: TemporaryDirectory, _ form: ValueEncoding.Form?, readOnly: Bool = false) throws
    -> EmbeddedLog
  {
    var options = LogOptions()
    options.encodings[Topic.ticks.name] = form.flatMap { Topic.ticks.encoding($0) }
    return try EmbeddedLog.open(directory: directory.path, readOnly: readOnly, options: options)
  }

  /// Appends a tick, a tombstone with headers, and what is no tick at all.
  private func append(to log: EmbeddedLog) throws {
    try log.createTopic(TopicSettings(name: Topic.ticks.name))
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    writer.append(Self.tick, appendTime: Timestamp(nanos: 5), scratch: &scratch)
    let (key, headers, garbage): ([UInt8], [UInt8], [UInt8]) = ([1], [2, 2, 65, 1], [0, 0, 0, 0, 1, 255])
    writer.append(timestampMillis: 9, key: key.span.bytes, value: nil, headers: headers.span.bytes)
    writer.append(timestampMillis: 11, key: nil, value: garbage.span.bytes)
    _ = try log.partition(Topic.ticks.name, 0).appendAndWait(writer.finish())
  }

  private func contents(of log: EmbeddedLog) throws -> [[UInt8]] {
    var buffer = ByteWriter()
    var reader = RecordBatchReader()
    var records: [[UInt8]] = []
    #expect(try log.partition(Topic.ticks.name, 0).read(from: 0, maxBytes: 1, into: &buffer))
    try reader.open(buffer.bytes, verifyingChecksum: true)
    var cursor = reader.records
    while try cursor.advance() {
      let head = [UInt8(cursor.offset), cursor.keyCount < 0 ? 0 : 1, cursor.valueCount < 0 ? 0 : 1]
      records.append(head + [UInt8](cursor.value) + [UInt8](cursor.storedHeaders))
    }
    return records
  }

  @Test func textIsStoredAndTheSameIsRead() throws {
    let (text, avro) = (TemporaryDirectory(), TemporaryDirectory())
    let (one, other) = (try open(text, .json), try open(avro, .avro(id: 1)))
    try append(to: one)
    try append(to: other)
    let expected = try contents(of: other)
    #expect(expected.count == 3)
    #expect(try contents(of: one) == expected)
    one.close()
    other.close()
    let again = try open(text, .json, readOnly: true)
    #expect(try contents(of: again) == expected)
    again.close()
    let raw = try open(text, nil, readOnly: true)
    #expect(String(decoding: try contents(of: raw)[0], as: UTF8.self) == "\u{0}\u{1}\u{1}" + Self.text + "\u{0}")
    raw.close()
  }

  /// In every pair of encodings, for writers and for readers; and nothing is done to what is there.
  @Test(arguments: [ValueEncoding.Form.json, .avro(id: 1), .avro(id: 17)], [false, true])
  func anotherEncodingIsRefused(form: ValueEncoding.Form, readOnly: Bool) throws {
    let directory = TemporaryDirectory()
    let log = try open(directory, form)
    try append(to: log)
    let expected = try contents(of: log)
    log.close()
    for other in [ValueEncoding.Form.json, .avro(id: 1), .avro(id: 17)] where other != form {
      let found = try #require(Topic.ticks.encoding(form)).name
      let wanted = try #require(Topic.ticks.encoding(other)).name
      #expect(throws: LogError.otherEncoding(topic: Topic.ticks.name, found: found, wanted: wanted)) {
        try open(directory, other, readOnly: readOnly)
      }
    }
    let again = try open(directory, form)
    #expect(try contents(of: again) == expected)
    again.close()
  }
}
