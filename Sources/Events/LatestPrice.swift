// prices.latest.v1: the aggregated price of an instrument.

/// Where a price went since the previous one. The raw values are the Avro enum's indices: never reorder.
package enum PriceDirection: UInt8, Sendable, CaseIterable {
  case unchanged
  case up
  case down
}

/// One source's part in a latest price.
package struct PriceContribution: Hashable, Sendable {
  package var source: String
  package var price: Price
  /// The source's reliability, at scale 18: 1.0 is 10^18.
  package var weight: Quantity
  /// The time of the source's newest tick.
  package var eventTime: Timestamp

  package init(source: String, price: Price, weight: Quantity, eventTime: Timestamp) {
    self.source = source
    self.price = price
    self.weight = weight
    self.eventTime = eventTime
  }
}

/// One event of `prices.latest.v1`; its key is the instrument. The times are those of the input that caused it.
package struct LatestPrice: Hashable, Sendable {
  package var instrument: String
  /// The average of the contributions, weighted by reliability, rounded half-even.
  package var price: Price
  /// The aggregated price before this one; nil for the first.
  package var previousPrice: Price?
  package var direction: PriceDirection
  /// `price` less the price 24 hours before; the oldest known price stands in until there are 24 hours.
  package var change24h: Price
  /// `change24h` in percent of the price 24 hours before.
  package var changePercent24h: Quantity
  /// The volume of all sources over the last 24 hours, in buckets of five minutes.
  package var volume24h: Quantity
  /// In order of the source's name.
  package var sources: [PriceContribution]
  package var eventTime: Timestamp
  package var appendTime: Timestamp

  package init(
    instrument: String, price: Price, previousPrice: Price?, direction: PriceDirection, change24h: Price,
    changePercent24h: Quantity, volume24h: Quantity, sources: [PriceContribution], eventTime: Timestamp,
    appendTime: Timestamp
  ) {
    self.instrument = instrument
    self.price = price
    self.previousPrice = previousPrice
    self.direction = direction
    self.change24h = change24h
    self.changePercent24h = changePercent24h
    self.volume24h = volume24h
    self.sources = sources
    self.eventTime = eventTime
    self.appendTime = appendTime
  }
}
