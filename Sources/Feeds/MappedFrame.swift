// What a mapper makes of one frame, while it is at it.

import Codecs
import Core
package import Events

/// The ticks so far, and the elements of the frame that were no use.
package struct MappedFrame: Sendable {
  package var ticks: [Tick] = []
  private var firstSkipped: FrameRejection?

  private init() {}

  /// Leaves out one element of a frame that has several; `count` is how many ticks there were before it.
  mutating func skip(_ rejection: FrameRejection, backTo count: Int) {
    ticks.removeSubrange(count...)
    if firstSkipped == nil { firstSkipped = rejection }
  }

  /// Runs a mapper over `frame`, and appends to `ticks` what came of it.
  static func outcome(
    of frame: RawSpan, into ticks: inout [Tick],
    _ map: (inout MappedFrame) throws(FrameRejection) -> FrameKind
  ) -> FrameOutcome {
    let before = ticks.count
    var output = MappedFrame()
    swap(&output.ticks, &ticks)
    defer { swap(&output.ticks, &ticks) }
    do throws(FrameRejection) {
      guard frame.byteCount <= Limits.frameBytesMax else {
        throw FrameRejection(
          reason: "a frame of more than \(Limits.frameBytesMax) bytes", byteOffset: Limits.frameBytesMax)
      }
      let kind = try map(&output)
      let added = output.ticks.count - before
      if let skipped = output.firstSkipped { return added > 0 ? .partial(added, kind, skipped) : .rejected(skipped) }
      return added > 0 ? .ticks(added, kind) : .counted(kind)
    } catch {
      output.ticks.removeSubrange(before...)
      return .rejected(error)
    }
  }
}
