// Every bound of the codecs, with its reason.

@usableFromInline package enum CodecLimits {
  /// Deepest nesting of arrays and objects that the JSON scanner follows: one bit each of a 64-bit word.
  package static let jsonDepthMax = 64
  /// Most decimal digits of a fixed-point value: the precision of Avro's `decimal(38,18)`.
  package static let decimalDigitsMax = 38
  /// Longest Avro `decimal` on the wire: sixteen bytes hold every Int128.
  @usableFromInline package static let decimalBytesMax = 16
  /// Largest record batch that is read, decompressed: what other writers of the same topics may produce.
  package static let batchBytesMax = 32 << 20
  /// LZ4's level; below zero is acceleration. Over ticks, -9 costs 6 % of the size and saves a third of the writing and
  /// a tenth of the reading.
  package static let lz4Level: Int32 = -9
  /// Largest buffer that a WebSocket decoder keeps between messages: subscriptions are short, and ten thousand idle
  /// connections must stay small.
  package static let webSocketBufferKeptMax = 512
}
