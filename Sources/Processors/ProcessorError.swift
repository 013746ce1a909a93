// Why a task stops.

package import Codecs
package import Log

/// Each case's consequence is in its doc.
package enum ProcessorError: Error, Equatable, Sendable {
  /// The log failed; what it says goes. A new task recovers from the newest checkpoint: after a restart, or, if the
  /// error `isPassing`, in place.
  case log(LogError)
  /// The batch of the input that begins at or before `offset` is damaged. Nothing is skipped: the task stops there.
  case damagedInput(topic: String, partition: Int, offset: Int64, reason: CodecError)
  /// A derived partition ends elsewhere than this fold wrote: somebody else writes to it. Find out who, then restart.
  case foreignRecords(topic: String, partition: Int, expected: Int64, found: Int64)
  /// The derived partition is not of this fold: folding on would mix two histories in one topic. Give the changed fold
  /// topics and a group of its own, or delete the derived topics and the group's offsets.
  case otherHistory(topic: String, partition: Int, reason: String)
  /// The input no longer holds what the fold would have to go on from: it begins at `startOffset`, and no usable
  /// checkpoint lies there or later. Nothing was changed. Bring back a checkpoint, or delete the directories of the
  /// derived topics: they are then built from what is retained, and what was made of the rest is gone.
  case inputExpired(topic: String, partition: Int, startOffset: Int64)

  /// Whether a new task may go on after a while, with nothing done by anybody here.
  package var isPassing: Bool {
    if case .log(let error) = self { error.isPassing } else { false }
  }
}

/// Runs what the log may refuse.
func onLog<Result>(_ body: () throws(LogError) -> Result) throws(ProcessorError) -> Result {
  do throws(LogError) { return try body() } catch { throw .log(error) }
}
