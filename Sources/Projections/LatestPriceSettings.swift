// What of the latest price is configurable.

package import Codecs
package import Events

/// The parameters of `LatestPriceProcessor`. A change of any of them is another history: the topic gets a new epoch.
package struct LatestPriceSettings: Sendable, Equatable {
  /// A source's reliability by its name, at scale 18. Weight zero: the source never contributes.
  package var weights: [String: Quantity]
  /// For a source that `weights` does not name.
  package var defaultWeight: Quantity
  /// A source whose newest tick is older than this, in stream time, is left out.
  package var stalenessNanos: Int64
  /// The least append time between two events of one instrument.
  package var emitIntervalNanos: Int64

  package init(
    weights: [String: Quantity] = Self.defaultWeights, defaultWeight: Quantity = Self.tenths(5),
    stalenessNanos: Int64 = 30_000_000_000, emitIntervalNanos: Int64 = 100_000_000
  ) {
    self.weights = weights
    self.defaultWeight = defaultWeight
    self.stalenessNanos = stalenessNanos
    self.emitIntervalNanos = emitIntervalNanos
  }

  package static let defaultWeights: [String: Quantity] = [
    "coinbase": tenths(10), "binance": tenths(10), "kucoin": tenths(8), "okx": tenths(8), "huobi": tenths(7),
    "kraken": tenths(8), "coingecko": tenths(5),
  ]

  package static func tenths(_ count: Int) -> Quantity {
    Quantity(raw: Int128(count) * Quantity128.scaleFactor / 10)
  }

  /// What is wrong with the values, or nil.
  package var problem: String? {
    for weight in weights.values + [defaultWeight] where weight.raw < 0 || weight.raw > FoldLimits.weightMax {
      return "a weight is in 0...1000"
    }
    guard (1...FoldLimits.settingNanosMax).contains(stalenessNanos) else { return "staleness is at most a day" }
    guard (0...FoldLimits.settingNanosMax).contains(emitIntervalNanos) else { return "emitInterval is at most a day" }
    return nil
  }

  /// Canonical bytes: the names in byte order.
  package func append(to writer: inout ByteWriter) {
    writer.append(littleEndian: stalenessNanos)
    writer.append(littleEndian: emitIntervalNanos)
    writer.append(avroDecimal: defaultWeight.raw)
    let names = weights.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for name in names {
      writer.append(avroString: name)
      writer.append(avroDecimal: weights[name, default: defaultWeight].raw)
    }
  }

  /// The weight of the source named `name`, compared as bytes.
  package func weight(of name: RawSpan) -> Quantity {
    let bytes = [UInt8](name)
    return weights.first { Array($0.key.utf8) == bytes }?.value ?? defaultWeight
  }
}
