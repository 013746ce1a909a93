// The newest record of every key, as bytes: decoded when someone asks, not when it changes.

import Codecs

/// The state of a view over a topic in which the newest record of a key replaces the older ones.
struct NewestByKey: ~Copyable {
  struct Slot {
    var value: [UInt8] = []
    var timestampMillis: Int64 = 0
    var partition = 0
    var offset: Int64 = -1
    var isPresent = false
  }

  private(set) var position: ViewPosition
  private var keys = ByteInterner()
  private var slots: [Slot] = []

  init(partitionCount: Int) { position = ViewPosition(partitionCount: partitionCount) }

  mutating func apply(
    _ batch: borrowing RecordBatchReader, from offset: Int64, partition: Int, epoch: UInt32
  ) throws(CodecError) {
    guard position.offsets.indices.contains(partition) else { return }
    position.epochs[partition] = epoch
    var records = batch.records
    while try records.advance() {
      let record = records.record
      guard record.offset >= offset else { continue }
      position.offsets[partition] = record.offset
      guard record.hasKey else { continue }
      let index = Int(keys.intern(record.key, padding: record.padding))
      if index == slots.count { slots.append(Slot()) }
      slots[index].value.removeAll(keepingCapacity: true)
      slots[index].value.append(contentsOf: record.value)
      slots[index].timestampMillis = record.timestampMillis
      slots[index].partition = partition
      slots[index].offset = record.offset
      slots[index].isPresent = record.hasValue
    }
  }

  mutating func forget(partition: Int) {
    guard position.offsets.indices.contains(partition) else { return }
    position.offsets[partition] = -1
    for index in slots.indices where slots[index].partition == partition { slots[index].isPresent = false }
  }

  /// Decodes the newest value of `key`; nil where there is none, or none that decodes.
  func value<Value: Sendable>(
    of key: RawSpan, _ decode: (RecordView) throws(CodecError) -> Value
  ) -> Positioned<Value>? {
    let index = Int(keys.find(key))
    return index >= 0 ? value(at: index, decode) : nil
  }

  /// All newest values, in the order in which their keys first came.
  func values<Value: Sendable>(_ decode: (RecordView) throws(CodecError) -> Value) -> [Positioned<Value>] {
    slots.indices.compactMap { value(at: $0, decode) }
  }

  private func value<Value: Sendable>(
    at index: Int, _ decode: (RecordView) throws(CodecError) -> Value
  ) -> Positioned<Value>? {
    let slot = slots[index]
    guard slot.isPresent else { return nil }
    let record = unsafe RecordView(
      offset: slot.offset, timestampMillis: slot.timestampMillis, key: keys.bytes(at: index),
      value: slot.value.span.bytes)
    guard let value = try? decode(record) else { return nil }
    return Positioned(
      value: value, partition: slot.partition, offset: slot.offset, epoch: position.epochs[slot.partition])
  }
}

extension [UInt8] {
  fileprivate mutating func append(contentsOf span: RawSpan) {
    unsafe span.withUnsafeBytes { unsafe append(contentsOf: $0) }
  }
}
