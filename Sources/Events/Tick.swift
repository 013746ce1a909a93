// prices.ticks.v1: what a venue said about a price.

/// What a record of `prices.ticks.v1` reports. The raw values are the Avro enum's indices: never reorder.
@usableFromInline package enum TickKind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// A trade: `price` for `volume`.
  case trade
  /// A price without a trade of its own, such as a ticker's last price; `volume` is zero.
  case quote
  /// Messages of the source are known to be lost; `sequence` is the first that arrived after the hole.
  case gap
  /// The passing of a second of wall time, so that windows close without a tick.
  case clock
}

/// The side of the trade's taker. The raw values are the Avro enum's indices: never reorder.
@usableFromInline package enum TickSide: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case unknown
  case buy
  case sell
}

/// One event of `prices.ticks.v1`; its key is the instrument. For `gap` and `clock`, price and volume are zero.
package struct Tick: Hashable, Sendable {
  package var kind: TickKind
  /// `BASE/QUOTE`, such as `BTC/USD`; the record's key. Empty for a clock.
  package var instrument: String
  /// Lower case, such as `coinbase`.
  package var source: String
  package var price: Price
  package var volume: Quantity
  package var side: TickSide
  /// The venue's own sequence or trade number, where it has one.
  package var sequence: Int64?
  /// When it happened at its origin.
  package var eventTime: Timestamp

  package init(
    kind: TickKind, instrument: String, source: String, price: Price = .zero, volume: Quantity = .zero,
    side: TickSide = .unknown, sequence: Int64? = nil, eventTime: Timestamp
  ) {
    self.kind = kind
    self.instrument = instrument
    self.source = source
    self.price = price
    self.volume = volume
    self.side = side
    self.sequence = sequence
    self.eventTime = eventTime
  }
}
