// The files of schemas/ as they are in the program.

package import Events

package enum SchemaCatalog {
  /// What schemas/<topic>.avsc holds; empty for a topic that Millrace does not define.
  package static func text(of topic: Topic) -> [UInt8] {
    switch topic {
    case .ticks: PackageResources.prices_ticks_v1_avsc
    case .latest: PackageResources.prices_latest_v1_avsc
    case .candles: PackageResources.prices_candles_v1_avsc
    case .sourceStatus: PackageResources.sources_status_v1_avsc
    case .deadTicks: PackageResources.prices_ticks_dead_v1_avsc
    default: []
    }
  }
}
