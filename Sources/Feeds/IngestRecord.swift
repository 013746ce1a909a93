// One record of an ingest request: from its fields to a tick.

import Codecs
import Core
import Events

/// Why a record is refused.
struct RecordFault: Error {
  var field: String?
  var message: String

  init(_ field: IngestField?, _ message: String) {
    self.field = field.map { IngestField.names[$0.rawValue].text }
    self.message = message
  }
}

enum IngestField: Int, JSONFieldName, CaseIterable {
  case instrument, source, price, volume, side, sequence, eventTime
  static let names: [PackedKey] = ["instrument", "source", "price", "volume", "side", "sequence", "eventTime"]
  static var list: String { names.map(\.text).joined(separator: ", ") }
}

extension JSONFields where Name == IngestField {
  /// The tick that the record describes, with `now` as its time if it names none.
  func tick(instruments: Set<String>?, now: Timestamp) throws(RecordFault) -> Tick {
    if let unknown {
      let key = withText(of: unknown) { String(utf8: $0.extracting(first: min($0.byteCount, 64))) }
      throw RecordFault(key, "unknown field; the fields are \(IngestField.list)")
    }
    if let repeated { throw RecordFault(repeated, "the field is given twice; send it once") }
    let instrument = try name(.instrument, Limits.instrumentBytesMax, "BASE/QUOTE in upper case, such as BTC/USD") {
      IngestSyntax.isInstrument($0)
    }
    if let instruments, !instruments.contains(instrument) {
      throw RecordFault(.instrument, "\(instrument) is not configured here; add it to the topology's instruments")
    }
    let source = try name(
      .source, Limits.sourceBytesMax, "lower case letters, digits, dots and dashes, such as coinbase"
    ) { IngestSyntax.isSource($0) }
    guard let price = try number(.price, scale: Price.scale) else { throw missing(.price) }
    guard price > 0 else { throw RecordFault(.price, "must be above 0") }
    guard price <= Limits.priceMax else { throw RecordFault(.price, "must be at most 10^15") }
    let volume = try number(.volume, scale: Quantity.scale) ?? 0
    guard volume >= 0 else { throw RecordFault(.volume, "must not be negative; leave it out for a quote") }
    guard volume <= Limits.volumeMax else { throw RecordFault(.volume, "must be at most 10^15") }
    return Tick(
      kind: volume > 0 ? .trade : .quote, instrument: instrument, source: source, price: Price(raw: price),
      volume: Quantity(raw: volume), side: try takerSide(), sequence: try sequence(), eventTime: try time(now))
  }

  private func missing(_ field: IngestField) -> RecordFault {
    RecordFault(field, "is missing; instrument, source and price are needed")
  }

  private func name(
    _ field: IngestField, _ bytesMax: Int, _ form: StaticString, _ isGood: (RawSpan) -> Bool
  ) throws(RecordFault) -> String {
    guard has(field) else { throw missing(field) }
    guard self[field].token == .string else { throw RecordFault(field, "must be a string: \(form)") }
    guard self[field].count <= bytesMax else { throw RecordFault(field, "must be at most \(bytesMax) bytes long") }
    guard withText(field, isGood) else { throw RecordFault(field, "must be \(form)") }
    return withText(field) { String(utf8: $0) }
  }

  /// The exact value of a number, written as such or as a string; nil where it is missing or null.
  private func number(_ field: IngestField, scale: Int) throws(RecordFault) -> Int128? {
    switch self[field].token {
    case nil, .null: return nil
    case .number, .string: break
    default: throw RecordFault(field, "must be a number, or a string that holds one")
    }
    do { return try withText(field) { text throws(CodecError) in try DecimalText.parse(text, scale: scale) } } catch {
      guard case .tooLarge = error else {
        throw RecordFault(field, "is not a number; write it as in JSON, such as 0.5 or \"0.5\"")
      }
      throw RecordFault(
        field, scale == 0 ? "must be a whole number" : "must have at most 20 digits before the point and 18 behind it")
    }
  }

  private func takerSide() throws(RecordFault) -> TickSide {
    if !has(.side) { return .unknown }
    switch word(.side) {
    case "buy": return .buy
    case "sell": return .sell
    default: throw RecordFault(.side, "must be buy or sell, the taker's side; leave it out if unknown")
    }
  }

  private func sequence() throws(RecordFault) -> Int64? {
    guard let wide = try number(.sequence, scale: 0) else { return nil }
    guard wide >= 0, let value = Int64(exactly: wide) else {
      throw RecordFault(.sequence, "must be a whole number from 0 to 2^63-1")
    }
    return value
  }

  private func time(_ now: Timestamp) throws(RecordFault) -> Timestamp {
    guard has(.eventTime) else { return now }
    let time: Timestamp
    if self[.eventTime].token == .string {
      guard let nanos = withText(.eventTime, { RFC3339.parse($0) }) else {
        throw RecordFault(
          .eventTime, "is not RFC 3339, such as 2026-11-21T03:29:33.125Z, nor whole milliseconds since 1970")
      }
      time = Timestamp(nanos: nanos)
    } else {
      guard let wide = try number(.eventTime, scale: 0), let millis = Int64(exactly: wide) else {
        throw RecordFault(.eventTime, "must be whole milliseconds since 1970, or RFC 3339")
      }
      time = Timestamp(millis: millis)
    }
    guard time.nanos <= now.nanos.addingReportingOverflow(Limits.ingestAheadNanosMax).partialValue else {
      throw RecordFault(
        .eventTime, "lies more than 60 s in the future; check the sender's clock and unit (milliseconds)")
    }
    guard time.nanos >= Limits.ingestTimeMinNanos else {
      throw RecordFault(.eventTime, "lies before 2009-01-03, the first block of Bitcoin; check the unit (milliseconds)")
    }
    return time
  }
}

extension RecordFault {
  fileprivate init(_ key: String, _ message: String) {
    field = key
    self.message = message
  }
}

/// The names that ingest takes. Stricter than what venues send: a key that differs in case would be another key.
enum IngestSyntax {
  /// `BASE/QUOTE`: one slash, neither first nor last; upper case letters, digits and `.-_:$@+`.
  static func isInstrument(_ text: RawSpan) -> Bool {
    var slash = -1
    for index in 0..<text.byteCount {
      let byte = unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
      switch byte {
      case 0x41...0x5a, 0x30...0x39, 0x2e, 0x2d, 0x5f, 0x3a, 0x24, 0x40, 0x2b: break
      case 0x2f where slash < 0: slash = index
      default: return false
      }
    }
    return slash > 0 && slash < text.byteCount - 1
  }

  /// A letter or digit, then letters, digits and `.-_`, all lower case; `clock` is taken.
  static func isSource(_ text: RawSpan) -> Bool {
    for index in 0..<text.byteCount {
      let byte = unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
      switch byte {
      case 0x61...0x7a, 0x30...0x39: break
      case 0x2e, 0x2d,
        0x5f where index > 0:
        break
      default: return false
      }
    }
    return text.byteCount > 0 && PackedKey(text) != "clock"
  }
}
