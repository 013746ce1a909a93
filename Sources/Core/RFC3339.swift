// Moments as text: RFC 3339, the profile of ISO 8601 that the edge speaks.

package import Codecs

/// Conversion between nanoseconds since 1970 and text such as `2026-11-21T03:29:33.125Z`.
package enum RFC3339 {
  private static let nanosPerSecond: Int64 = 1_000_000_000

  /// Appends `nanos` in UTC with as many digits of the second as are needed: none, three, six or nine.
  package static func append(nanos: Int64, to writer: inout ByteWriter) {
    writer.append(utf8: text(nanos: nanos))
  }

  package static func text(nanos: Int64) -> String {
    let (seconds, fraction) = floored(nanos, by: nanosPerSecond)
    let (days, secondOfDay) = floored(seconds, by: 86_400)
    let date = civil(fromDays: days)
    var text = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
    text += "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
    if fraction != 0 {
      if fraction % 1_000_000 == 0 {
        text += ".\(padded(fraction / 1_000_000, 3))"
      } else if fraction % 1_000 == 0 {
        text += ".\(padded(fraction / 1_000, 6))"
      } else {
        text += ".\(padded(fraction, 9))"
      }
    }
    return text + "Z"
  }

  /// Nanoseconds since 1970, or nil where `text` is no RFC 3339 moment between 1678 and 2261. An offset is required.
  package static func parse(_ text: String) -> Int64? {
    var text = text
    text.makeContiguousUTF8()
    return parse(unsafe text.utf8.span.bytes)
  }

  /// As above, without an allocation. Digits beyond the nanosecond are legal and cut off.
  package static func parse(_ text: RawSpan) -> Int64? {
    guard text.byteCount >= 20, let year = number(text, 0, 4), byte(text, 4) == 0x2d,
      let month = number(text, 5, 2), byte(text, 7) == 0x2d, let day = number(text, 8, 2),
      byte(text, 10) | 0x20 == 0x74 || byte(text, 10) == 0x20, let hour = number(text, 11, 2), byte(text, 13) == 0x3a,
      let minute = number(text, 14, 2), byte(text, 16) == 0x3a, let second = number(text, 17, 2),
      (1678...2261).contains(year), (1...12).contains(month), day >= 1, day <= length(ofMonth: month, year: year),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var position = 19
    guard let fraction = fraction(text, &position), let offset = offset(text, position) else { return nil }
    let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return seconds * nanosPerSecond + fraction
  }

  @inline(__always) private static func byte(_ text: RawSpan, _ index: Int) -> UInt8 {
    index < text.byteCount ? unsafe text.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self) : 0
  }

  @inline(__always) private static func number(_ text: RawSpan, _ start: Int, _ count: Int) -> Int64? {
    var value: Int64 = 0
    for index in start..<start + count {
      let digit = byte(text, index) &- 48
      guard digit < 10 else { return nil }
      value = value * 10 + Int64(digit)
    }
    return value
  }

  private static func fraction(_ text: RawSpan, _ position: inout Int) -> Int64? {
    guard byte(text, position) == 0x2e else { return 0 }
    position += 1
    let start = position
    var nanos: Int64 = 0
    var unit: Int64 = 100_000_000
    while byte(text, position) &- 48 < 10 {
      nanos += Int64(byte(text, position) &- 48) * unit
      unit /= 10
      position += 1
    }
    return position > start ? nanos : nil
  }

  /// Seconds east of Greenwich; nil where the text ends otherwise.
  private static func offset(_ text: RawSpan, _ position: Int) -> Int64? {
    let sign = byte(text, position)
    if sign | 0x20 == 0x7a { return text.byteCount == position + 1 ? 0 : nil }
    guard sign == 0x2b || sign == 0x2d, text.byteCount == position + 6, let hours = number(text, position + 1, 2),
      byte(text, position + 3) == 0x3a, let minutes = number(text, position + 4, 2), hours < 24, minutes < 60
    else { return nil }
    let seconds = hours * 3_600 + minutes * 60
    return sign == 0x2b ? seconds : -seconds
  }

  private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// Days since 1970 of a date of the Gregorian calendar, counting years from March so that leap days come last.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floored(year, by: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floored(days + 719_468, by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func floored(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
