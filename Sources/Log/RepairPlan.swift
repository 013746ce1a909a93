// What a repair would do to a partition, before it does anything.

/// A part of a segment as it will be, in order.
enum RepairPiece: Equatable, Sendable {
  /// Whole batches, as they are.
  case keep(from: Int64, to: Int64)
  /// One batch whose offset and epoch are written anew.
  case restore(byte: Int64, byteCount: Int, baseOffset: Int64)
  /// Records without key and value in the place of lost ones, so that all later offsets stay what they were.
  case fill(from: Int64, to: Int64, timestampMillis: Int64)
  /// Bytes that go to a file beside the segment.
  case cut(from: Int64, to: Int64)
}

/// One segment and what becomes of it.
struct SegmentRepair: Sendable {
  var segment: SurveyedSegment
  var pieces: [RepairPiece] = []
  /// The offset of the first record that is damaged, or of the one after the last.
  var firstDamagedOffset: Int64 = 0
  /// The offset after its last record, when done.
  var endOffset: Int64
  /// Whether anything of the segment's own bytes changes; otherwise only its indexes and its seal.
  var changesBytes: Bool {
    guard let byteCount = segment.byteCount else { return true }
    return pieces != [.keep(from: 0, to: byteCount)] && !(pieces.isEmpty && byteCount == 0)
  }
}

/// The repair of one partition. Empty `steps` mean that there is nothing to do.
package struct RepairPlan: Sendable {
  package let partition: String
  /// What will be done, a sentence each.
  package internal(set) var steps: [String] = []
  /// Records that cannot be read any more.
  package internal(set) var lostRecords: Int64 = 0
  /// Files that hold what is cut; known when it is done.
  package internal(set) var asides: [String] = []

  let survey: SurveyedPartition
  /// The manifest as it will be, but for the segments.
  var manifest: PartitionManifest
  var segments: [SegmentRepair] = []
  /// Segments that leave the partition, in whole.
  var removed: [SurveyedSegment] = []

  init(_ survey: SurveyedPartition, _ manifest: PartitionManifest) {
    partition = survey.name
    self.survey = survey
    self.manifest = manifest
  }
}
