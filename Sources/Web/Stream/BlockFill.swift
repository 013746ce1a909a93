// Fills blocks with frames.

internal import Codecs
internal import Core

/// One block being filled for a replay.
final class BlockFill {
  private var block: FrameBlock?
  private(set) var isFull = false

  /// What was filled; nil if nothing was.
  var run: FrameRun? { block.map(\.written) }

  /// Adds a frame; false, and the fill is over, when it does not fit any more. The first one always fits.
  func append(_ payload: RawSpan, offset: Int64, eventTimeMillis: Int64, key: Int32) -> Bool {
    if block == nil { block = FrameBlock(fitting: payload) }
    isFull = block?.append(payload, offset: offset, eventTimeMillis: eventTimeMillis, key: key) != true
    return !isFull
  }
}

extension FrameBlock {
  /// A block of the usual size, or larger for a frame that is.
  convenience init(fitting payload: RawSpan) {
    self.init(byteCapacity: max(Limits.Stream.blockBytes, payload.byteCount + 10))
  }
}
