// What market logic looks like to the engine: a fold.

package import Codecs
package import Events

/// A deterministic fold over one partition of prices.ticks.v1. It reads no clock, does no I/O and draws no random
/// number; its outputs are a function of the records alone, so batch boundaries must not be visible in them. Its state
/// is keyed by the dense indices of the names' tables, which the engine saves and restores beside the state.
package protocol Processor: ~Copyable {
  /// The derived topics, in the order of `FoldOutputs`.
  var topics: [Topic] { get }
  /// Name and version, such as `candles/1`: another version is another history.
  var identity: String { get }
  /// Canonical bytes of everything configured that the outputs depend on.
  func appendConfiguration(to writer: inout ByteWriter)

  /// Folds `rows`, in their order, and appends to `outputs[topic: firstTopic]` and following. `names` holds at least
  /// the names of these rows.
  mutating func fold(
    _ rows: Span<TickRow>, _ names: borrowing TickBatch, into outputs: inout FoldOutputs, firstTopic: Int)

  /// Appends the state in canonical form: equal states, however they came about, have equal bytes.
  func save(into writer: inout ByteWriter)
  /// Takes over what `save` wrote. The receiver is new; after an error it must be thrown away.
  mutating func restore(from reader: inout ByteReader) throws(CodecError)
}
