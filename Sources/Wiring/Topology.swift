// The running system as a value: what topology.yaml says, with a default for every key.

package import Events

/// Everything that `millrace run` starts. Defaults are those of the keys that a file leaves out.
package struct Topology: Equatable, Sendable {
  package var log = LogSection()
  package var schemaRegistry: RegistrySection?
  package var instruments: [String] = []
  package var feeds: [Feed] = []
  package var latest = LatestSection()
  package var candles = CandlesSection()
  package var checkpointEveryRecords = 1_000_000
  package var edge = EdgeSection()
  /// What of it this process is.
  var roles = Set(Role.allCases)
  var share = PartitionShare.all

  package init() {}

  package enum Feed: Equatable, Sendable {
    case synthetic(Synthetic)
    case recorded(Recorded)
  }

  package struct Synthetic: Equatable, Sendable {
    package var seed: UInt64 = 1
    package var instruments = 12
    package var sources = 5
    /// Ticks a second over all instruments; nil is as fast as possible.
    package var ratePerSecond: Int? = 60
    package var dropOutsPerMillion = 20
    package var outliersPerMillion = 50
    package var latePerMillion = 500
    package var duplicatesPerMillion = 200
  }

  package struct Recorded: Equatable, Sendable {
    package var directory = ""
    /// Recorded seconds per second, in thousandths; nil is as fast as possible.
    package var speedMilli: Int? = 1000
  }

  package struct LatestSection: Equatable, Sendable {
    package var stalenessSeconds = 30
    package var emitIntervalMillis = 100
    /// Reliability by source; sources that are not listed have `unknownWeight`.
    package var weights: [(source: String, weight: Quantity)] = Self.defaultWeights
    package var unknownWeight = Quantity(raw: 500_000_000_000_000_000)

    static let defaultWeights: [(source: String, weight: Quantity)] = [
      ("binance", tenths(10)), ("coinbase", tenths(10)), ("coingecko", tenths(5)), ("huobi", tenths(7)),
      ("kraken", tenths(8)), ("kucoin", tenths(8)), ("okx", tenths(8)),
    ]

    private static func tenths(_ count: Int128) -> Quantity { Quantity(raw: count * 100_000_000_000_000_000) }

    package static func == (left: Self, right: Self) -> Bool {
      left.stalenessSeconds == right.stalenessSeconds && left.emitIntervalMillis == right.emitIntervalMillis
        && left.unknownWeight == right.unknownWeight
        && left.weights.elementsEqual(right.weights) { $0.source == $1.source && $0.weight == $1.weight }
    }
  }

  package struct CandlesSection: Equatable, Sendable {
    package var intervals: [CandleInterval] = CandleInterval.allCases
    package var latenessSeconds = 30
    package var emitIntervalMillis = 1000
  }

  package struct EdgeSection: Equatable, Sendable {
    package var host = "127.0.0.1"
    package var port: UInt16 = 8080
    package var allowedOrigins: [String] = []
    package var clientsMax = 15_000
    /// The file that holds the key for `POST /v1/ingest`; without one, only loopback may ingest.
    package var ingestKeyFile: String?
  }
}
