// How an embedded log is laid out and bounded. Tests make everything small; production takes the defaults.

package import Codecs
internal import Core

/// All bounds of an embedded log; the defaults and their reasons are in `Limits`.
package struct LogOptions: Sendable, Equatable {
  /// A segment is sealed before it grows beyond this; a batch larger than this has a segment of its own.
  package var segmentBytes = Limits.logSegmentBytes
  /// The distance of index entries.
  package var indexIntervalBytes = Limits.logIndexIntervalBytes
  /// Batches that wait for the writer; producers block beyond it.
  package var queueBytesMax = Limits.logQueueBytesMax
  /// Sealed segments whose file is held open for readers.
  package var openSegmentsMax = Limits.logOpenSegmentsMax
  /// How often a reader of another process's log looks for more.
  package var pollNanos = Limits.logPollNanos
  /// How often the writer looks for what retention gives up.
  package var maintenanceNanos = Limits.logMaintenanceNanos
  /// Keys that one compaction tells apart.
  package var compactionKeysMax = Limits.logCompactionKeysMax
  /// Put by for a full disk; 0 for none. `millrace run` takes `Limits.logReserveBytes`.
  package var reserveBytes = 0
  /// How the values of topics are stored, by the topics' names; of others they are stored as they are handled.
  package var encodings: [String: ValueEncoding] = [:]
  #if PLANTED_BUGS
    package var plantedBug: PlantedBug?
  #endif

  package init() {}
}
