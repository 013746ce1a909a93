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
    var rest = Array(text.utf8)[...]
    guard let year = digits(4, &rest), take("-", &rest), let month = digits(2, &rest), take("-", &rest),
      let day = digits(2, &rest), take("T", &rest) || take("t", &rest) || take(" ", &rest),
      let hour = digits(2, &rest), take(":", &rest), let minute = digits(2, &rest), take(":", &rest),
      let second = digits(2, &rest), (1678...2261).contains(year), (1...12).contains(month),
      day >= 1, day <= length(ofMonth: month, year: year), hour < 24, minute < 60, second <= 60
    else { return nil }
    guard let fraction = fractionNanos(&rest), let offset = offsetSeconds(&rest), rest.isEmpty else { return nil }
    let seconds = days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return seconds * nanosPerSecond + fraction
  }

  private static func fractionNanos(_ rest: inout ArraySlice<UInt8>) -> Int64? {
    guard take(".", &rest) else { return 0 }
    var nanos: Int64 = 0
    var unit: Int64 = 100_000_000
    var count = 0
    while let digit = rest.first, (0x30...0x39).contains(digit) {
      // Digits beyond the nanosecond are legal and cut off.
      nanos += Int64(digit - 0x30) * unit
      unit /= 10
      count += 1
      rest.removeFirst()
    }
    return count > 0 ? nanos : nil
  }

  private static func offsetSeconds(_ rest: inout ArraySlice<UInt8>) -> Int64? {
    if take("Z", &rest) || take("z", &rest) { return 0 }
    let sign: Int64
    if take("+", &rest) { sign = 1 } else if take("-", &rest) { sign = -1 } else { return nil }
    guard let hours = digits(2, &rest), take(":", &rest), let minutes = digits(2, &rest), hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }

  private static func digits(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> Int64? {
    guard rest.count >= count else { return nil }
    var value: Int64 = 0
    for byte in rest.prefix(count) {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 0x30)
    }
    rest.removeFirst(count)
    return value
  }

  private static func take(_ character: Unicode.Scalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest.removeFirst()
    return true
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
