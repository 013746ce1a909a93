// What drives a fold, whatever the log.

/// One input partition's fold at work: whoever owns it calls `step` until that says `caughtUp`, waits for the input to
/// grow, and calls again. Used by one thread. An error is final for it: make a new one, which recovers.
package protocol FoldTask: AnyObject {
  /// How it found its place.
  var recovery: RecoveryReport { get }
  /// The input offset up to which outputs are in their topics.
  var position: Int64 { get }
  /// Folds about `maxBytes` of input, if there is any.
  func step(maxBytes: Int) throws(ProcessorError) -> StepResult
  /// Lets readers see what came of all steps so far, where that takes a transaction.
  func commit() throws(ProcessorError)
  /// Writes a checkpoint of `position`. Call after `commit`.
  func checkpointNow() throws(ProcessorError)
  /// Gives the partition up.
  func close()
}

extension FoldTask {
  package func step() throws(ProcessorError) -> StepResult { try step(maxBytes: ProcessorLimits.stepBytes) }
}

extension ProcessorTask: FoldTask where Fold: ~Copyable {
  package func commit() {}
  package func close() {}
}

extension TransactionalTask: FoldTask where Fold: ~Copyable {}
