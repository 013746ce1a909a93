// The topics, their schema ids and their streams' names.

/// A topic that Millrace itself defines.
package struct Topic: Hashable, Sendable {
  /// With its version, such as `prices.ticks.v1`.
  package let name: String
  /// The schema's id in `schemas/registry.json`.
  package let schemaID: UInt32
  /// A derived topic is a function of its input and can be regenerated.
  package let isDerived: Bool

  package init(name: String, schemaID: UInt32, isDerived: Bool) {
    self.name = name
    self.schemaID = schemaID
    self.isDerived = isDerived
  }

  package static let ticks = Topic(name: "prices.ticks.v1", schemaID: 1, isDerived: false)
  package static let latest = Topic(name: "prices.latest.v1", schemaID: 2, isDerived: true)
  package static let candles = Topic(name: "prices.candles.v1", schemaID: 3, isDerived: true)
  package static let sourceStatus = Topic(name: "sources.status.v1", schemaID: 4, isDerived: false)
  package static let deadTicks = Topic(name: "prices.ticks.dead.v1", schemaID: 5, isDerived: true)

  package static let all: [Topic] = [.ticks, .latest, .candles, .sourceStatus, .deadTicks]

  /// Whether a newer record of a key replaces the older ones, so that these may be compacted away.
  package var isCompactable: Bool { self == .latest || self == .sourceStatus }

  /// The name of its stream at the edge: the topic's without the version, such as `prices.ticks`.
  package var stream: String {
    guard let dot = name.lastIndex(of: "."), name[name.index(after: dot)...].first == "v" else { return name }
    return String(name[..<dot])
  }
}
