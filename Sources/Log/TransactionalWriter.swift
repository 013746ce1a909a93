// Outputs and the input position that they come from, in one transaction: what Apache Kafka offers in place of a cut.

/// How far the input was folded by what is committed.
package struct CommittedPosition: Equatable, Sendable {
  /// The next input offset.
  package var offset: Int64
  /// What whoever committed it said of the history, such as the fingerprint of its fold.
  package var note: String

  package init(offset: Int64, note: String) {
    self.offset = offset
    self.note = note
  }
}

/// Writes several partitions in transactions, each with the position of one input partition: readers see all of it or
/// nothing. At most one writer of an input partition is in force; a later one shuts out the earlier. One owner, one
/// thread at a time. After any error but `.invalidBatch` it is of no use any more: `close` it, make another, `open`
/// that, and go on from what it says.
package protocol TransactionalWriter: AnyObject {
  /// Ends what an earlier writer left open, shuts that one out, and only then tells the committed position; nil if
  /// there never was one. Call it first, and once.
  func open() throws(LogError) -> CommittedPosition?

  /// Adds a record to the transaction, which begins with the first one. `output` counts the partitions that the writer
  /// was made for. Key and value are copied. Blocks while the queue is full.
  func append(timestampMillis: Int64, key: RawSpan, value: RawSpan, to output: Int) throws(LogError)

  /// Commits what was added and `position`, also where nothing was added. On return it is durable and visible. After
  /// an error it may have been committed or not, as a whole: the next writer's `open` tells.
  func commit(_ position: CommittedPosition) throws(LogError)

  /// Takes back what is not committed, and frees everything. The writer is of no use afterwards.
  func close()
}
