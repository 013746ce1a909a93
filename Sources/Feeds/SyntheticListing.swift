// The instruments and sources of a synthetic market.

/// An instrument with the scale of its prices and trades.
struct SyntheticListing: Sendable {
  let instrument: String
  /// One price increment, at scale 18.
  let incrementRaw: Int64
  /// Where the walk begins, in price increments.
  let startIncrements: Int64
  /// The smallest step of a volume, at scale 18.
  let lotRaw: Int64
  /// A usual volume, in lots.
  let typicalLots: Int64

  private init(_ instrument: String, decimals: Int, start: Int64, lotDecimals: Int, typicalLots: Int64) {
    self.instrument = instrument
    incrementRaw = Self.power(18 - decimals)
    startIncrements = start
    lotRaw = Self.power(18 - lotDecimals)
    self.typicalLots = typicalLots
  }

  private static func power(_ exponent: Int) -> Int64 { (0..<exponent).reduce(1) { power, _ in power * 10 } }

  private static let known: [SyntheticListing] = [
    SyntheticListing("BTC/USD", decimals: 2, start: 9_743_512, lotDecimals: 8, typicalLots: 1_250_000),
    SyntheticListing("ETH/USD", decimals: 2, start: 338_240, lotDecimals: 8, typicalLots: 40_000_000),
    SyntheticListing("SOL/USD", decimals: 3, start: 187_455, lotDecimals: 6, typicalLots: 5_500_000),
    SyntheticListing("XRP/USD", decimals: 4, start: 23_412, lotDecimals: 4, typicalLots: 4_200_000),
    SyntheticListing("DOGE/USD", decimals: 5, start: 32_187, lotDecimals: 2, typicalLots: 250_000),
    SyntheticListing("ADA/USD", decimals: 4, start: 9_105, lotDecimals: 4, typicalLots: 11_000_000),
    SyntheticListing("BNB/USD", decimals: 2, start: 69_120, lotDecimals: 6, typicalLots: 1_300_000),
    SyntheticListing("AVAX/USD", decimals: 3, start: 36_940, lotDecimals: 6, typicalLots: 27_000_000),
    SyntheticListing("DOT/USD", decimals: 4, start: 67_150, lotDecimals: 4, typicalLots: 1_400_000),
    SyntheticListing("LINK/USD", decimals: 4, start: 201_300, lotDecimals: 4, typicalLots: 500_000),
    SyntheticListing("LTC/USD", decimals: 2, start: 10_388, lotDecimals: 6, typicalLots: 9_000_000),
    SyntheticListing("UNI/USD", decimals: 4, start: 132_700, lotDecimals: 4, typicalLots: 700_000),
  ]

  /// `count` instruments. Those without a well-known name draw their scale from `random`.
  static func listings(_ count: Int, random: inout SplitMix64) -> [SyntheticListing] {
    var listings = Array(known.prefix(count))
    for index in listings.count..<max(count, listings.count) {
      let digits = String(index)
      let name = "SYN" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits + "/USD"
      let start = Int64(10_000 + random.below(990_000))
      listings.append(
        SyntheticListing(
          name, decimals: 2 + random.below(4), start: start, lotDecimals: 4,
          typicalLots: Int64(10_000 + random.below(5_000_000))))
    }
    return listings
  }

  private static let knownSources = ["binance", "coinbase", "kucoin", "okx", "huobi", "kraken", "coingecko"]

  /// `count` sources.
  static func sources(_ count: Int) -> [String] {
    (0..<count).map { $0 < knownSources.count ? knownSources[$0] : "source\($0 + 1)" }
  }
}
