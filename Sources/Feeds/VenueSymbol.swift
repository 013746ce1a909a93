// From the venues' spellings of an instrument to `BASE/QUOTE`.

import Codecs
import Core

/// The ways in which venues write instruments. All return nil for what cannot be one.
enum VenueSymbol {
  /// `BTC-USD`, `BTC-USD-220527`: the first dash divides, further ones are a derivative's suffix.
  static func dashed(_ text: RawSpan) -> String? {
    guard let dash = index(of: UInt8(ascii: "-"), in: text) else { return nil }
    return instrument(text.bytes(0..<dash), text.bytes(dash + 1..<text.byteCount))
  }

  /// `BTC/USD`, with Kraken's own names for two assets.
  static func kraken(_ text: RawSpan) -> String? {
    guard let slash = index(of: UInt8(ascii: "/"), in: text) else { return nil }
    return instrument(renamed(text.bytes(0..<slash)), renamed(text.bytes(slash + 1..<text.byteCount)))
  }

  /// `BTCUSDT` or `btcusdt`: the longest of `quotes` that ends it divides. `quotes` are upper case, longest first.
  static func joined(_ text: RawSpan, quotes: [[UInt8]]) -> String? {
    let symbol = text.bytes(0..<text.byteCount).map { (0x61...0x7a).contains($0) ? $0 - 0x20 : $0 }
    guard let quote = quotes.first(where: { symbol.count > $0.count && symbol.suffix($0.count) == $0[...] })
    else { return nil }
    return instrument(symbol.dropLast(quote.count), quote[...])
  }

  /// The words of `list`, longest first.
  static func quotes(_ list: String) -> [[UInt8]] {
    list.split(separator: " ").map { Array($0.utf8) }.sorted { $0.count > $1.count }
  }

  private static func renamed(_ asset: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    if asset.elementsEqual("XBT".utf8) { return [UInt8]("BTC".utf8)[...] }
    if asset.elementsEqual("XDG".utf8) { return [UInt8]("DOGE".utf8)[...] }
    return asset
  }

  private static func index(of byte: UInt8, in text: RawSpan) -> Int? {
    (0..<text.byteCount).first { unsafe text.unsafeLoad(fromUncheckedByteOffset: $0, as: UInt8.self) == byte }
  }

  /// Names may be in any script; white space, control characters and a second slash are in none.
  private static func instrument(_ base: ArraySlice<UInt8>, _ quote: ArraySlice<UInt8>) -> String? {
    guard !base.isEmpty, !quote.isEmpty, base.count + quote.count < Limits.instrumentBytesMax else { return nil }
    let bytes = base + [UInt8(ascii: "/")] + quote
    var slashes = 0
    for byte in bytes {
      guard byte > 0x20, byte != 0x7f else { return nil }
      if byte == UInt8(ascii: "/") { slashes += 1 }
    }
    return slashes == 1 ? String(decoding: bytes, as: UTF8.self) : nil
  }
}

extension RawSpan {
  fileprivate func bytes(_ range: Range<Int>) -> ArraySlice<UInt8> {
    guard range.lowerBound < range.upperBound else { return [] }
    return [UInt8](extracting(range))[...]
  }
}
