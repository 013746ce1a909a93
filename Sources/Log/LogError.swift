// What a log may answer instead of data.

/// Each case's consequence is in its doc.
package enum LogError: Error, Equatable, Sendable {
  /// No such topic or partition: a mistake in the topology or the request.
  case unknownTopic(String)
  /// The position is before what is retained; `earliest` is the first usable one. Start there, or from a snapshot.
  case beforeStart(earliest: Int64)
  /// The position is after the end; `end` is the next offset to be written.
  case afterEnd(end: Int64)
  /// Stored bytes are damaged. Nothing is skipped: `millrace log repair` decides. Names file and byte.
  case corrupt(file: String, byte: Int64, reason: String)
  /// Another process writes to this directory.
  case locked(directory: String)
  /// The disk is full; nothing of the batch was kept. The log goes on once there is space, a derived partition once it
  /// is cut back as well, at its end at least: what would have come next has no right place.
  case diskFull
  /// The process or the machine has as many files open as it may: raise the limit (`ulimit -n`). Nothing was done;
  /// the same may be tried again.
  case outOfDescriptors
  /// A write or sync failed: the log takes no more appends until it is opened anew. What was acknowledged is safe.
  case failed(String)
  /// A batch that breaks a limit or the format; it was not appended.
  case invalidBatch(String)
  /// The log is closing.
  case closed
  /// The topic exists with these other settings: a mistake in the topology.
  case conflictingSettings(TopicSettings)
  /// Not a name that a topic can have (a-z, A-Z, 0-9, dot, dash, underscore), or too many partitions.
  case invalidTopic(String)
  /// Input topics are never cut or emptied: they are what everything else is made from.
  case inputTopic(String)
  /// The log was opened for reading only.
  case readOnly
  /// The brokers cannot be reached or did not answer in time. A read: nothing is lost, ask again. An append: some of
  /// its records may be in the topic, in order and each at most once; whoever appends them again may double them.
  case unavailable(String)
  /// The brokers said no, and will say it again: rights, passwords, or a topic under whose settings events would be
  /// lost. The text says what to do; a person must act.
  case refused(String)
  /// The topic's values are stored in another encoding than the topology says: `found` and `wanted` name both. Nothing
  /// was read or written. The topology must say what is there, or the topic be copied to where it is otherwise.
  case otherEncoding(topic: String, found: String, wanted: String)
  /// Another writer took over this one's partition: whoever runs it, two at once are a mistake, or this one was given
  /// up for dead. Nothing of the open transaction is in the log. Stop, or wait to be given the partition again.
  case fenced(String)
  /// Partitions in Apache Kafka are never cut nor emptied: their derived topics are not generated again after a crash,
  /// but folded silently up to what is committed.
  case notCuttable(String)

  /// Something ran out or is out of reach: the same may succeed later, without a restart.
  package var isPassing: Bool {
    switch self {
    case .diskFull, .outOfDescriptors, .unavailable: true
    default: false
    }
  }
}
