// Open, high, low, close and volume of one bucket, still growing.

import Codecs
import Processors

/// A bucket of one instrument; 144 bytes. Empty while `ticks` is zero.
@usableFromInline struct Bar: BitwiseCopyable {
  var open: Int128 = 0
  var high: Int128 = 0
  var low: Int128 = 0
  var close: Int128 = 0
  var volume: Int128 = 0
  /// The exact sum of price * volume, at scale 36.
  var priceVolume = UInt256()
  /// Event times of `open` and `close`.
  var openNanos: Int64 = 0
  var closeNanos: Int64 = 0
  var ticks: Int64 = 0
  /// Periods of the bucket's length since 1970; -1 for a free place.
  var bucket: Int32 = -1
  /// Of the last emission; 0 before the first.
  var revision: Int32 = 0

  /// A bar of one tick.
  @inline(__always)
  init(bucket: Int32, price: Int128, volume: Int128, eventNanos: Int64) {
    (open, high, low, close) = (price, price, price, price)
    self.volume = volume
    priceVolume = UInt256(product: UInt128(truncatingIfNeeded: price), UInt128(truncatingIfNeeded: volume))
    (openNanos, closeNanos) = (eventNanos, eventNanos)
    ticks = 1
    self.bucket = bucket
  }

  /// A place for a bucket without ticks so far.
  init(bucket: Int32 = -1) { self.bucket = bucket }

  /// Takes a tick in. Open is the first by event time, of equal times the first to arrive; close is the last by event
  /// time, of equal times the last to arrive.
  @inline(__always)
  mutating func add(price: Int128, volume: Int128, eventNanos: Int64) {
    if eventNanos >= closeNanos {
      close = price
      closeNanos = eventNanos
    } else if eventNanos < openNanos {
      open = price
      openNanos = eventNanos
    }
    // Without branches, also where the volume is zero: which way they would go, nobody predicts.
    high = max(high, price)
    low = min(low, price)
    self.volume &+= volume
    priceVolume.add(UInt256(product: UInt128(truncatingIfNeeded: price), UInt128(truncatingIfNeeded: volume)))
    ticks &+= 1
  }

  /// Takes in a bar of another part of the same bucket, which arrived after this one: of equal times the close is its.
  mutating func merge(_ part: Bar) {
    if part.ticks == 0 { return }
    if ticks == 0 {
      let (bucket, revision) = (self.bucket, self.revision)
      self = part
      (self.bucket, self.revision) = (bucket, revision)
      return
    }
    if part.openNanos < openNanos {
      open = part.open
      openNanos = part.openNanos
    }
    if part.closeNanos >= closeNanos {
      close = part.close
      closeNanos = part.closeNanos
    }
    high = max(high, part.high)
    low = min(low, part.low)
    volume &+= part.volume
    priceVolume.add(part.priceVolume)
    ticks &+= part.ticks
  }

  /// sum(price * volume) / sum(volume), rounded half-even; nil where nothing was traded.
  var vwap: Int128? {
    // An average lies between its terms, so it fits where they fit.
    priceVolume.dividedHalfEven(by: UInt128(truncatingIfNeeded: volume)).map { Int128(truncatingIfNeeded: $0) }
  }

  func save(into writer: inout ByteWriter) {
    for value in [open, high, low, close, volume] { writer.append(value) }
    writer.append(Int128(bitPattern: priceVolume.low))
    writer.append(Int128(bitPattern: priceVolume.high))
    for value in [openNanos, closeNanos, ticks] { writer.append(littleEndian: value) }
    writer.append(littleEndian: bucket)
    writer.append(littleEndian: revision)
  }

  init(from reader: inout ByteReader) throws(CodecError) {
    open = try reader.readInt128()
    high = try reader.readInt128()
    low = try reader.readInt128()
    close = try reader.readInt128()
    volume = try reader.readInt128()
    let low256 = try reader.readInt128()
    priceVolume = UInt256(low: UInt128(bitPattern: low256), high: UInt128(bitPattern: try reader.readInt128()))
    openNanos = try reader.read(littleEndian: Int64.self)
    closeNanos = try reader.read(littleEndian: Int64.self)
    ticks = try reader.read(littleEndian: Int64.self)
    bucket = try reader.read(littleEndian: Int32.self)
    revision = try reader.read(littleEndian: Int32.self)
  }
}
