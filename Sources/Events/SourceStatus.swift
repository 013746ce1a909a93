// sources.status.v1: how a source of ticks is doing.

/// The state of a source. The raw values are the Avro enum's indices: never reorder.
package enum SourceHealth: UInt8, Sendable, CaseIterable {
  case healthy
  case stale
  case reconnecting
  case error
}

/// One event of `sources.status.v1`; its key is the source.
package struct SourceStatus: Hashable, Sendable {
  package var source: String
  package var health: SourceHealth
  /// When this state began.
  package var since: Timestamp
  /// Why, in a sentence; empty where there is nothing to add.
  package var detail: String
  package var eventTime: Timestamp
  package var appendTime: Timestamp

  package init(
    source: String, health: SourceHealth, since: Timestamp, detail: String, eventTime: Timestamp,
    appendTime: Timestamp
  ) {
    self.source = source
    self.health = health
    self.since = since
    self.detail = detail
    self.eventTime = eventTime
    self.appendTime = appendTime
  }
}
