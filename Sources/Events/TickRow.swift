// A tick as the folds see it: decoded once, dense, 64 bytes.

/// One decoded record of `prices.ticks.v1`, with instrument and source interned to dense indices.
@usableFromInline package struct TickRow: BitwiseCopyable, Sendable {
  @usableFromInline package var price: Price
  @usableFromInline package var volume: Quantity
  @usableFromInline package var eventTime: Timestamp
  @usableFromInline package var appendTime: Timestamp
  /// The record's position in its partition.
  @usableFromInline package var offset: Int64
  /// Index into the instrument table of the batch that holds the row; -1 for a clock.
  @usableFromInline package var instrument: Int32
  /// Index into the source table of the batch that holds the row.
  @usableFromInline package var source: UInt16
  @usableFromInline package var kind: TickKind
  @usableFromInline package var side: TickSide

  @inlinable @inline(__always)
  package init(
    price: Price, volume: Quantity, eventTime: Timestamp, appendTime: Timestamp, offset: Int64, instrument: Int32,
    source: UInt16, kind: TickKind, side: TickSide
  ) {
    self.price = price
    self.volume = volume
    self.eventTime = eventTime
    self.appendTime = appendTime
    self.offset = offset
    self.instrument = instrument
    self.source = source
    self.kind = kind
    self.side = side
  }

  /// Whether it says a price.
  @inlinable package var isPrice: Bool { @inline(__always) get { kind == .trade || kind == .quote } }

  /// What it adds to the volume: a trade's own, nothing for all else.
  @inlinable package var tradedVolume: Int128 { @inline(__always) get { kind == .trade ? volume.raw : 0 } }
}
