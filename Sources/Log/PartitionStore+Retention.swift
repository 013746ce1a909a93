// Letting go of what is old or too much: whole sealed segments, from the front.

internal import Codecs
internal import Core

extension PartitionStore {
  /// What is due from time to time: closes a segment that is old, lets go of those that retention gives up. Nothing at
  /// or after `held` goes. To be called between rounds. After an error that passes it is due again.
  func maintain(held: Int64) throws(FileError) {
    let nowMillis = files.wallMillis
    if segment.byteCount > 0, isSegmentOld(nowMillis: nowMillis) || isActiveExpired(nowMillis: nowMillis) {
      try roll()
      publish()
    }
    try retain(nowMillis: nowMillis, held: held)
  }

  /// Without this, the last segment of a topic that nothing is appended to would never grow old.
  private func isActiveExpired(nowMillis: Int64) -> Bool {
    guard let bound = policy.retentionMillis else { return false }
    return nowMillis - appendedMillis >= bound
  }

  /// The manifest first: from then on the segments are not part of the partition, and who finds their files removes
  /// them. Readers that have one open go on to its end; others are told where the partition starts now.
  private func retain(nowMillis: Int64, held: Int64) throws(FileError) {
    let count = expiredCount(nowMillis: nowMillis, held: held)
    guard count > 0 else { return }
    let gone = manifest.sealed[..<count].map { manifest.names($0, in: directory) }
    var changed = manifest
    changed.sealed.removeFirst(count)
    changed.startOffset = changed.sealed.first?.baseOffset ?? changed.activeBaseOffset
    changed.compactedEnd = max(changed.compactedEnd, changed.startOffset)
    try replaceManifest(changed)
    publishSegments()
    let recovery = PartitionRecovery(files: files, directory: directory, options: options)
    for names in gone { try recovery.removeSegment(names) }
  }

  /// How many of the first sealed segments may go.
  private func expiredCount(nowMillis: Int64, held: Int64) -> Int {
    var rest = manifest.sealed.reduce(segment.byteCount) { $0 + $1.byteCount }
    return manifest.sealed.prefix { seal in
      rest -= seal.byteCount
      let isOld = policy.retentionMillis.map { nowMillis - seal.appendedMillis >= $0 } ?? false
      let isTooMuch = policy.retentionBytes.map { rest >= $0 } ?? false
      return (isOld || isTooMuch) && seal.endOffset <= held
    }.count
  }

  /// Shows readers the present segments, after some of them went.
  func publishSegments() {
    let manifest = manifest
    reader.publishCut { $0.manifest = manifest }
  }
}
