// Where a processor's checkpoints lie: a seam, so that the fold engine touches no file.

/// Small named files beside the log, each whole or absent. One owner; not shared between threads.
package protocol CheckpointStore: AnyObject {
  /// The names of all that is stored, ascending by bytes.
  func names() throws(LogError) -> [String]
  /// The content of `name`, or nil if there is none.
  func load(_ name: String) throws(LogError) -> [UInt8]?
  /// Stores `content` under `name`, replacing what was there. On return it is on disk; before, the old content is.
  func save(_ name: String, _ content: RawSpan) throws(LogError)
  /// Removes `name` if it is there.
  func remove(_ name: String) throws(LogError)
}
