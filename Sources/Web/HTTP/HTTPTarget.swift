// The target of a request line: path segments and query parameters, decoded once.

/// Parses `/v1/prices/BTC%2FUSD?x=1`. Errors are sentences for the client.
package struct HTTPTarget: Sendable {
  package var path: [String] = []
  package var query: [(name: String, value: String)] = []

  package struct Invalid: Error, Equatable {
    package let reason: String
  }

  package init(parsing text: String) throws(Invalid) {
    let bytes = Array(text.utf8)
    guard bytes.first == UInt8(ascii: "/") else { throw Invalid(reason: "the request's target must begin with /") }
    let parts = bytes.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    for segment in parts[0].dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      path.append(try Self.decode(segment))
    }
    // `/` itself, and a slash at the end, name the same resource as without.
    if path.last?.isEmpty == true { path.removeLast() }
    guard parts.count == 2 else { return }
    for pair in parts[1].split(separator: UInt8(ascii: "&")) {
      let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = try Self.decode(sides[0])
      if query.contains(where: { $0.name == name }) {
        throw Invalid(reason: "the query parameter '\(name)' occurs more than once")
      }
      query.append((name, sides.count == 2 ? try Self.decode(sides[1]) : ""))
    }
  }

  private static func decode(_ text: ArraySlice<UInt8>) throws(Invalid) -> String {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      guard text[index] == UInt8(ascii: "%") else {
        decoded.append(text[index])
        index += 1
        continue
      }
      guard index + 2 < text.endIndex, let high = hexValue(text[index + 1]), let low = hexValue(text[index + 2]) else {
        throw Invalid(reason: "a percent sign in the target is not followed by two hexadecimal digits")
      }
      decoded.append(high << 4 | low)
      index += 3
    }
    guard let string = String(validating: decoded, as: UTF8.self), !decoded.contains(0) else {
      throw Invalid(reason: "the target is not UTF-8 text")
    }
    return string
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
