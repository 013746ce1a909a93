// One record of a topic, borrowed from the batch that holds it.

/// A record as it lies in a decoded batch. `key` and `value` live as long as the batch's buffer.
@usableFromInline package struct RecordView: ~Escapable {
  /// The position in its partition.
  @usableFromInline package let offset: Int64
  /// The record's own timestamp: the event time in milliseconds since 1970.
  @usableFromInline package let timestampMillis: Int64
  /// The key's bytes; empty when the record has none (`hasKey` tells).
  @usableFromInline package let key: RawSpan
  /// The value's bytes; empty for a tombstone (`hasValue` tells).
  @usableFromInline package let value: RawSpan
  @usableFromInline package let hasKey: Bool
  @usableFromInline package let hasValue: Bool
  /// How many bytes behind the value (and so behind the key) may be read though they are not part of it: a fast path
  /// loads whole words, then masks.
  @usableFromInline package let padding: Int

  @_lifetime(copy key, copy value)
  @inlinable @inline(__always)
  package init(
    offset: Int64, timestampMillis: Int64, key: RawSpan, value: RawSpan, hasKey: Bool = true, hasValue: Bool = true,
    padding: Int = 0
  ) {
    self.offset = offset
    self.timestampMillis = timestampMillis
    self.key = key
    self.value = value
    self.hasKey = hasKey
    self.hasValue = hasValue
    self.padding = padding
  }
}
