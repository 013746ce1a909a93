// Every bound of the vocabulary, with its reason.

package enum EventLimits {
  /// Most distinct instruments of one partition: bounds the state that hostile input can make a fold keep.
  package static let instrumentsMax = 1 << 20
  /// Most distinct sources of one partition: venues are few, and a row has 16 bits for theirs.
  package static let sourcesMax = 4096
  /// Longest name of an instrument or a source.
  package static let nameBytesMax = 256
  /// Most contributions to one price that a reader accepts: one per source.
  package static let contributionsMax = sourcesMax
}
