// Two folds over one decoding.

package import Codecs
package import Events

/// Gives each batch to both processors; the topics of `first` come first. Pairs nest.
package struct ProcessorPair<First: Processor & ~Copyable, Second: Processor & ~Copyable>: Processor, ~Copyable {
  package var first: First
  package var second: Second
  private let firstCount: Int

  package init(_ first: consuming First, _ second: consuming Second) {
    firstCount = first.topics.count
    self.first = first
    self.second = second
  }

  package var topics: [Topic] { first.topics + second.topics }
  package var identity: String { "\(first.identity),\(second.identity)" }

  package func appendConfiguration(to writer: inout ByteWriter) {
    first.appendConfiguration(to: &writer)
    second.appendConfiguration(to: &writer)
  }

  package mutating func fold(
    _ rows: Span<TickRow>, _ names: borrowing TickBatch, into outputs: inout FoldOutputs, firstTopic: Int
  ) {
    first.fold(rows, names, into: &outputs, firstTopic: firstTopic)
    second.fold(rows, names, into: &outputs, firstTopic: firstTopic + firstCount)
  }

  package func save(into writer: inout ByteWriter) {
    first.save(into: &writer)
    second.save(into: &writer)
  }

  package mutating func restore(from reader: inout ByteReader) throws(CodecError) {
    try first.restore(from: &reader)
    try second.restore(from: &reader)
  }
}
