// Version 1 of Kraken's WebSocket: frames that are arrays, positions instead of names.

import Codecs
import Core
import Events

/// `[channelID, payload, ..., channelName, pair]`; a book update may have two payloads.
enum KrakenArrayFrame {
  private enum TickerField: Int, JSONFieldName {
    case close
    static let names: [PackedKey] = ["c"]
  }

  /// Enough for a book update with two payloads, and one to spare; a longer array is no frame of Kraken.
  private static var elementsMax: Int { 6 }

  static func map(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    let elements = try items(of: frame, base: 0)
    guard elements.count >= 4, elements.count <= elementsMax,
      elements[elements.count - 2].token == .string, let pair = elements.last, pair.token == .string
    else { throw FrameRejection(reason: "an array that is not [channel, payload, name, pair]", byteOffset: 0) }
    let payload = elements[1]
    let name = text(elements[elements.count - 2], of: frame)
    if name.starts(with: "ticker") {
      guard payload.token == .objectStart else {
        throw FrameRejection(reason: "a ticker that is no object", byteOffset: payload.start)
      }
      let fields = try JSONFields<TickerField>(text(payload, of: frame), base: payload.start)
      guard let price = try lastPrice(fields) else { return .ticker }
      output.ticks.append(
        Tick(
          kind: .quote, instrument: try instrument(pair, of: frame), source: KrakenMapper.source, price: price,
          eventTime: receivedAt))
      return .ticker
    }
    if name.starts(with: "trade") {
      try mapTrades(payload, of: frame, try instrument(pair, of: frame), receivedAt, &output)
      return .trade
    }
    if name.starts(with: "ohlc") { return .candle }
    if name.starts(with: "spread") { return .bookTop }
    return name.starts(with: "book") ? .book : .unknown
  }

  /// `c` is the last trade: `[price, volume]`.
  private static func lastPrice(_ fields: borrowing JSONFields<TickerField>) throws(FrameRejection) -> Price? {
    guard fields[.close].token == .arrayStart else { throw fields.rejection(.close, "a ticker without a last trade") }
    let start = fields[.close].start
    let close = fields.bytes.extracting(start..<start + fields[.close].count)
    guard let first = try items(of: close, base: fields.base + start).first else {
      throw fields.rejection(.close, "a last trade without a price")
    }
    let raw = try decimal(first, of: close, scale: Price.scale, base: fields.base + start)
    guard raw >= 0, raw <= Limits.priceMax else { throw fields.rejection(.close, "a price below 0 or above 10^15") }
    return raw == 0 ? nil : Price(raw: raw)
  }

  /// Each trade is `[price, volume, time, side, orderType, misc]`, all strings.
  private static func mapTrades(
    _ payload: JSONItem, of frame: RawSpan, _ instrument: String, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) {
    guard payload.token == .arrayStart else {
      throw FrameRejection(reason: "trades that are no array", byteOffset: payload.start)
    }
    let trades = text(payload, of: frame)
    for trade in try items(of: trades, base: payload.start) {
      let before = output.ticks.count
      do throws(FrameRejection) {
        try mapTrade(trade, of: trades, payload.start, instrument, &output)
      } catch { output.skip(error, backTo: before) }
    }
  }

  private static func mapTrade(
    _ trade: JSONItem, of trades: RawSpan, _ tradesStart: Int, _ instrument: String, _ output: inout MappedFrame
  ) throws(FrameRejection) {
    do {
      let base = tradesStart + trade.start
      guard trade.token == .arrayStart else {
        throw FrameRejection(reason: "a trade that is no array", byteOffset: base)
      }
      let bytes = text(trade, of: trades)
      let parts = try items(of: bytes, base: base)
      guard parts.count >= 4 else { throw FrameRejection(reason: "a trade of fewer than 4 parts", byteOffset: base) }
      let price = try decimal(parts[0], of: bytes, scale: Price.scale, base: base)
      let volume = try decimal(parts[1], of: bytes, scale: Quantity.scale, base: base)
      let nanos = try decimal(parts[2], of: bytes, scale: 9, base: base)
      guard price > 0, price <= Limits.priceMax, volume >= 0, volume <= Limits.volumeMax,
        let time = Int64(exactly: nanos)
      else { throw FrameRejection(reason: "a trade with an impossible price, volume or time", byteOffset: base) }
      let side = text(parts[3], of: bytes)
      output.ticks.append(
        Tick(
          kind: .trade, instrument: instrument, source: KrakenMapper.source, price: Price(raw: price),
          volume: Quantity(raw: volume),
          side: side.starts(with: "b") ? .buy : side.starts(with: "s") ? .sell : .unknown,
          eventTime: Timestamp(nanos: time)))
    }
  }

  private static func instrument(_ pair: JSONItem, of frame: RawSpan) throws(FrameRejection) -> String {
    guard let instrument = VenueSymbol.kraken(text(pair, of: frame)) else {
      throw FrameRejection(reason: "no instrument of the form BASE/QUOTE", byteOffset: pair.start)
    }
    return instrument
  }

  private static func decimal(
    _ item: JSONItem, of bytes: RawSpan, scale: Int, base: Int
  ) throws(FrameRejection) -> Int128 {
    guard item.token == .string || item.token == .number else {
      throw FrameRejection(reason: "not a number", byteOffset: base + item.start)
    }
    do { return try DecimalText.parse(text(item, of: bytes), scale: scale) } catch {
      throw FrameRejection(error, base: base + item.start)
    }
  }

  /// The content of an element. Kraken writes nothing of interest here with escapes: one that has them is empty.
  @_lifetime(copy bytes)
  private static func text(_ item: JSONItem, of bytes: RawSpan) -> RawSpan {
    item.isUnescaped ? bytes.extracting(first: 0) : bytes.extracting(item.range)
  }

  /// The elements of the array that is all of `bytes`.
  private static func items(of bytes: RawSpan, base: Int) throws(FrameRejection) -> [JSONItem] {
    var items: [JSONItem] = []
    var unescaped: [UInt8] = []
    var scanner = JSONScanner(bytes)
    do throws(CodecError) {
      _ = try scanner.next()
      while true {
        let token = try scanner.next()
        if token == .arrayEnd { break }
        items.append(try JSONItem(token, of: &scanner, unescaped: &unescaped))
      }
      _ = try scanner.next()
    } catch { throw FrameRejection(error, base: base) }
    return items
  }
}
