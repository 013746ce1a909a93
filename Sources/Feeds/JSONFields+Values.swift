// What the fields of a venue's frame mean: prices, numbers, moments.

import Codecs
import Core
import Events

extension JSONFields {
  /// A rejection that points at the field.
  func rejection(_ name: Name, _ reason: String) -> FrameRejection {
    let item = self[name]
    return FrameRejection(
      reason: "\(Self.label(name)): \(reason)", byteOffset: base + (item.isUnescaped ? 0 : item.start))
  }

  static func label(_ name: Name) -> String { Name.names[name.rawValue].text }

  /// Whether the field is the string `word`.
  func equals(_ name: Name, _ word: PackedKey) -> Bool {
    self[name].token == .string && withText(name) { PackedKey($0) } == word
  }

  /// A string field as a key to switch over; nil where it is none. A longer string than any known word equals none.
  func word(_ name: Name) -> PackedKey? {
    self[name].token == .string ? withText(name) { PackedKey($0) ?? .unknown } : nil
  }

  /// Whether the string field begins with `prefix`.
  func starts(_ name: Name, with prefix: StaticString) -> Bool {
    self[name].token == .string && withText(name) { $0.starts(with: prefix) }
  }

  /// A price above zero, of a string or a number; nil where the field is missing, null, empty or zero: nothing has
  /// been traded yet.
  func price(_ name: Name) throws(FrameRejection) -> Price? {
    guard let raw = try decimal(name, scale: Price.scale), raw != 0 else { return nil }
    guard raw > 0 else { throw rejection(name, "a negative price") }
    guard raw <= Limits.priceMax else { throw rejection(name, "a price above 10^15") }
    return Price(raw: raw)
  }

  /// The price of a trade, which there must be.
  func tradePrice(_ name: Name) throws(FrameRejection) -> Price {
    guard let price = try price(name) else { throw rejection(name, "a trade without a price") }
    return price
  }

  /// The volume of a trade, which there must be.
  func tradeVolume(_ name: Name) throws(FrameRejection) -> Quantity {
    guard let raw = try decimal(name, scale: Quantity.scale) else { throw rejection(name, "a trade without a volume") }
    guard raw >= 0 else { throw rejection(name, "a negative volume") }
    guard raw <= Limits.volumeMax else { throw rejection(name, "a volume above 10^15") }
    return Quantity(raw: raw)
  }

  /// A whole number of 64 bits, of a string or a number; nil where there is none.
  func integer(_ name: Name) throws(FrameRejection) -> Int64? {
    guard let wide = try decimal(name, scale: 0) else { return nil }
    guard let value = Int64(exactly: wide) else { throw rejection(name, "a number of more than 64 bits") }
    return value
  }

  /// A number, of a string or a number, times 10^`scale`; nil where it is missing, null or empty.
  func decimal(_ name: Name, scale: Int) throws(FrameRejection) -> Int128? {
    let item = self[name]
    switch item.token {
    case nil, .null: return nil
    case .number, .string: break
    default: throw rejection(name, "not a number")
    }
    if item.count == 0 { return nil }
    do { return try withText(name) { text throws(CodecError) in try DecimalText.parse(text, scale: scale) } } catch {
      let inner = FrameRejection(error, base: base + (item.isUnescaped ? 0 : item.start))
      throw FrameRejection(reason: "\(Self.label(name)): \(inner.reason)", byteOffset: inner.byteOffset)
    }
  }

  /// A count of seconds (`digits` 0), milliseconds (3), microseconds (6) or nanoseconds (9) since 1970.
  func time(_ name: Name, digits: Int) throws(FrameRejection) -> Timestamp? {
    guard let wide = try decimal(name, scale: 9 - digits) else { return nil }
    guard let nanos = Int64(exactly: wide) else { throw rejection(name, "a time beyond the year 2262") }
    return Timestamp(nanos: nanos)
  }

  /// A moment in RFC 3339; nil where it is missing, empty or of the year 1, which is how Go prints a time never set.
  func moment(_ name: Name) throws(FrameRejection) -> Timestamp? {
    guard has(name), self[name].count > 0 else { return nil }
    if starts(name, with: "0001-01-01") { return nil }
    guard let nanos = withText(name, { RFC3339.parse($0) }) else { throw rejection(name, "no RFC 3339 time") }
    return Timestamp(nanos: nanos)
  }

  /// `buy` or `sell`, in either case.
  func side(_ name: Name) -> TickSide {
    switch word(name) {
    case "buy", "BUY", "b": .buy
    case "sell", "SELL", "s": .sell
    default: .unknown
    }
  }
}

extension PackedKey {
  /// The key as text, for messages.
  var text: String {
    var bytes: [UInt8] = []
    if count >= 8 {
      for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: head >> UInt64(8 * index))) }
      for index in (16 - count)..<8 { bytes.append(UInt8(truncatingIfNeeded: tail >> UInt64(8 * index))) }
    } else {
      for index in stride(from: count - 1, through: 0, by: -1) {
        bytes.append(UInt8(truncatingIfNeeded: head >> UInt64(8 * index)))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension RawSpan {
  func starts(with prefix: StaticString) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard byteCount >= count else { return false }
    for index in 0..<count {
      let wanted = unsafe prefix.utf8Start[index]
      if unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self) != wanted { return false }
    }
    return true
  }
}
