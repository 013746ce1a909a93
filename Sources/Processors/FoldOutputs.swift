// What a fold hands back: records per derived topic, and input records that it could not apply.

package import Events

/// An input record for the dead-letter topic; its bytes are looked up afterwards, as this is rare.
package struct Rejection: Sendable, Equatable {
  package var offset: Int64
  package var reason: DeadLetterReason
  /// For a person.
  package var detail: String
  package var eventTime: Timestamp
  package var appendTime: Timestamp

  package init(
    offset: Int64, reason: DeadLetterReason, detail: String, eventTime: Timestamp, appendTime: Timestamp
  ) {
    self.offset = offset
    self.reason = reason
    self.detail = detail
    self.eventTime = eventTime
    self.appendTime = appendTime
  }

  /// Of a row that a processor could not apply.
  @inline(never)
  package init(_ row: TickRow, _ reason: DeadLetterReason, _ detail: StaticString) {
    self.init(
      offset: row.offset, reason: reason, detail: detail.description, eventTime: row.eventTime,
      appendTime: row.appendTime)
  }
}

/// The outputs of one or several processors over one input batch, reused from batch to batch.
@safe @usableFromInline package struct FoldOutputs: ~Copyable {
  @usableFromInline let records: UnsafeMutablePointer<DerivedRecords>
  /// How many derived topics there are.
  @usableFromInline package let topicCount: Int
  /// In the order of their discovery; several may name one record, of which the first counts.
  package var rejections: [Rejection] = []

  package init(topicCount: Int) {
    self.topicCount = topicCount
    unsafe records = UnsafeMutablePointer<DerivedRecords>.allocate(capacity: max(topicCount, 1))
    for index in 0..<topicCount { unsafe (records + index).initialize(to: DerivedRecords()) }
  }

  deinit {
    unsafe records.deinitialize(count: topicCount)
    unsafe records.deallocate()
  }

  /// The records for the derived topic at `index` of the processor's list.
  @inlinable package subscript(topic index: Int) -> DerivedRecords {
    @inline(__always) _read {
      precondition(index >= 0 && index < topicCount)
      yield unsafe records[index]
    }
    @inline(__always) _modify {
      precondition(index >= 0 && index < topicCount)
      yield unsafe &records[index]
    }
  }

  package mutating func removeAll() {
    for index in 0..<topicCount { self[topic: index].removeAll() }
    rejections.removeAll(keepingCapacity: true)
  }
}
