// Binance spot: frames of wss://stream.binance.com, raw or in the envelope of combined streams.

import Codecs
package import Events

/// `trade` and `aggTrade` become trades, the tickers quotes. Trade numbers are consecutive per symbol: holes show, and
/// a trade that came by one stream is not counted again by the other.
package struct BinanceMapper: VenueMapper {
  package static var venue: Venue { .binance }

  private enum Field: Int, JSONFieldName {
    case data, stream, event, eventTime, symbol, price, quantity, tradeTime, buyerIsMaker, trade, first, last, close
    case result, code, bookUpdate
    static let names: [PackedKey] = [
      "data", "stream", "e", "E", "s", "p", "q", "T", "m", "t", "f", "l", "c", "result", "code", "u",
    ]
  }

  private enum BookField: Int, JSONFieldName {
    case lastUpdate, error
    static let names: [PackedKey] = ["lastUpdateId", "error"]
  }

  /// Symbols have no separator: these are the assets that Binance quotes prices in.
  private static let quotes = VenueSymbol.quotes(
    """
    USDT USDC FDUSD TUSD BUSD USDP USDS USD1 AEUR EURI BFUSD XUSD RLUSD BTC ETH BNB TRX XRP DOGE DOT SOL DAI VAI PAX \
    UST EUR GBP AUD TRY BRL RUB UAH NGN ZAR PLN RON ARS JPY MXN CZK COP IDR IDRT BIDR BVND BKRW USD
    """)

  private var trades = TradeNumbers()

  package init() {}

  package mutating func mapText(
    _ frame: RawSpan, receivedAt: Timestamp, into output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    if frame.starts(with: "[") { return try mapArray(frame, 0, receivedAt, &output) }
    let outer = try JSONFields<Field>(frame)
    switch outer[.data].token {
    case .objectStart:
      let inner = try outer.object(.data, as: Field.self)
      return try mapEvent(inner, receivedAt, &output)
    case .arrayStart:
      let item = outer[.data]
      return try mapArray(frame.extracting(item.range), item.start, receivedAt, &output)
    default: return try mapEvent(outer, receivedAt, &output)
    }
  }

  /// `!miniTicker@arr` and its like: an array of events of one kind.
  private mutating func mapArray(
    _ array: RawSpan, _ base: Int, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    var kind = FrameKind.ticker
    try JSONArray.forEachObject(array, base: base, as: Field.self, into: &output) {
      fields, output throws(FrameRejection) in
      kind = try mapEvent(fields, receivedAt, &output)
    }
    return kind
  }

  private mutating func mapEvent(
    _ fields: borrowing JSONFields<Field>, _ receivedAt: Timestamp, _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    switch fields.word(.event) {
    case "depthUpdate": return .book
    case "trade": return try mapTrade(fields, .trade, .trade, receivedAt, &output)
    case "aggTrade": return try mapTrade(fields, .first, .last, receivedAt, &output)
    case "24hrTicker", "24hrMiniTicker", "1hTicker", "4hTicker", "1dTicker":
      let time = try time(fields, .eventTime) ?? receivedAt
      guard let price = try fields.price(.close) else { return .ticker }
      output.ticks.append(
        Tick(
          kind: .quote, instrument: try instrument(fields), source: Self.source, price: price, eventTime: time))
      return .ticker
    case "kline": return .candle
    case "bookTicker": return .bookTop
    case "serverShutdown": return .notice
    case nil: return unnamed(fields)
    default: return .unknown
    }
  }

  /// What has no `e`: the best bid and ask, partial books, and answers to requests.
  private func unnamed(_ fields: borrowing JSONFields<Field>) -> FrameKind {
    if fields[.result].token != nil { return .acknowledgement }
    if fields.has(.code) { return .error }
    if fields.has(.symbol), fields.has(.bookUpdate) { return .bookTop }
    guard let book = try? JSONFields<BookField>(fields.bytes) else { return .unknown }
    return book.has(.lastUpdate) ? .bookSnapshot : book.has(.error) ? .error : .unknown
  }

  private mutating func mapTrade(
    _ fields: borrowing JSONFields<Field>, _ firstField: Field, _ lastField: Field, _ receivedAt: Timestamp,
    _ output: inout MappedFrame
  ) throws(FrameRejection) -> FrameKind {
    guard let first = try fields.integer(firstField), let last = try fields.integer(lastField), first <= last else {
      throw fields.rejection(lastField, "a trade without its number")
    }
    // The buyer is the maker: the taker sold.
    let side: TickSide
    switch fields[.buyerIsMaker].token {
    case .true: side = .sell
    case .false: side = .buy
    default: side = .unknown
    }
    let tick = Tick(
      kind: .trade, instrument: try instrument(fields), source: Self.source, price: try fields.tradePrice(.price),
      volume: try fields.tradeVolume(.quantity), side: side, sequence: last,
      eventTime: try time(fields, .tradeTime) ?? receivedAt)
    switch trades.take(tick.instrument, first, through: last, at: tick.eventTime) {
    case .next: break
    case .gap: output.ticks.append(.gap(before: first, of: tick))
    case .repeated: return .repeatedTrade
    }
    output.ticks.append(tick)
    return .trade
  }

  private func instrument(_ fields: borrowing JSONFields<Field>) throws(FrameRejection) -> String {
    guard let instrument = fields.withText(.symbol, { VenueSymbol.joined($0, quotes: Self.quotes) }) else {
      throw fields.rejection(.symbol, "a symbol that ends in no known quote asset")
    }
    return instrument
  }

  /// Milliseconds, or microseconds where the connection asked for them: by the size of the number, which will tell
  /// them apart until the year 5138.
  private func time(_ fields: borrowing JSONFields<Field>, _ name: Field) throws(FrameRejection) -> Timestamp? {
    guard let count = try fields.integer(name) else { return nil }
    return try fields.time(name, digits: count >= 100_000_000_000_000 ? 6 : 3)
  }
}
