// <topic>.dead.v1: what could not be decoded or applied.

/// Why a record went to the dead-letter topic. The raw values are the Avro enum's indices: never reorder.
package enum DeadLetterReason: UInt8, Sendable, CaseIterable {
  /// The value is not what the schema says.
  case undecodable
  /// The event time lies further ahead of the append time than allowed.
  case future
  /// The candle that the tick belongs to was already final.
  case late
  /// The event decodes but its content is not possible, such as a price of zero.
  case invalid
}

/// One event of a dead-letter topic: the reason, the place, and the original record unchanged.
package struct DeadLetter: Hashable, Sendable {
  package var topic: String
  package var partition: Int32
  package var offset: Int64
  package var reason: DeadLetterReason
  /// The details, for a person.
  package var detail: String
  package var key: [UInt8]
  package var value: [UInt8]
  package var eventTime: Timestamp
  package var appendTime: Timestamp

  package init(
    topic: String, partition: Int32, offset: Int64, reason: DeadLetterReason, detail: String, key: [UInt8],
    value: [UInt8], eventTime: Timestamp, appendTime: Timestamp
  ) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
    self.reason = reason
    self.detail = detail
    self.key = key
    self.value = value
    self.eventTime = eventTime
    self.appendTime = appendTime
  }
}
