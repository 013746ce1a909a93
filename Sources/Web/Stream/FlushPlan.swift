// What one gathering write sends to one client, and what it means for its cursors.

internal import Core

/// Runs of frames out of shared blocks, by cursor. Reused for every client of a reactor; nothing is copied into it.
@safe struct FlushPlan: ~Copyable {
  /// Frames that lie one after another in a block.
  struct Segment {
    var block: FrameBlock
    /// The block's place in its ring; unused for a piece.
    var sequence: Int
    var frames: Range<Int>

    var byteCount: Int { block.start(frames.upperBound) - block.start(frames.lowerBound) }
  }

  /// What becomes of a cursor when all of its segments were sent.
  struct Move {
    var subscription: Int
    var cursor: Int
    var segments: Range<Int>
    var source: PartitionCursor.Source
    var position: Int64
  }

  private(set) var list = WriteList(capacity: Limits.Stream.runsPerWriteMax)
  private(set) var segments: [Segment] = []
  private(set) var moves: [Move] = []
  /// Bytes of the out-queue that go first.
  private(set) var queuedBytes = 0
  /// Bytes after all segments: control frames about where these lead.
  private(set) var tail: UnsafeRawBufferPointer?
  /// When the next frame of a paced replay is due.
  var dueNanos = Int64.max

  var isFull: Bool { list.isFull || list.byteCount >= Limits.Stream.turnBytesMax }

  /// Everything that was due had room.
  var isComplete: Bool { !isFull }

  mutating func removeAll() {
    list.removeAll()
    segments.removeAll(keepingCapacity: true)
    moves.removeAll(keepingCapacity: true)
    queuedBytes = 0
    unsafe tail = nil
    dueNanos = .max
  }

  /// The memory must stay until the write is done.
  mutating func addQueue(_ start: UnsafeRawPointer, count: Int) {
    unsafe list.append(start, count: count)
    queuedBytes = count
  }

  mutating func add(_ block: FrameBlock, sequence: Int, frames: Range<Int>) {
    let segment = Segment(block: block, sequence: sequence, frames: frames)
    unsafe list.append(block.address(block.start(frames.lowerBound)), count: segment.byteCount)
    segments.append(segment)
  }

  /// The memory must stay until the write is done. Nothing is added after it.
  mutating func addTail(_ start: UnsafeRawPointer, count: Int) {
    unsafe list.append(start, count: count)
    unsafe tail = UnsafeRawBufferPointer(start: start, count: count)
  }

  var frameCount: Int { segments.reduce(0) { $0 + $1.frames.count } }

  /// Ends what was added for one cursor since `first`.
  mutating func finish(
    subscription: Int, cursor: Int, from first: Int, source: PartitionCursor.Source, position: Int64
  ) {
    let move = Move(
      subscription: subscription, cursor: cursor, segments: first..<segments.count, source: source, position: position)
    moves.append(move)
  }
}

extension FlushPlan {
  /// How far a write that took `byteCount` bytes came: the moves that are complete, and for the one it stopped in the
  /// frame to go on with and the rest of the frame before it, which was sent in part.
  struct Progress {
    var queuedBytes: Int
    var completeMoves: Int
    var frames = 0
    /// The segment and its first unsent frame, in the move at `completeMoves`.
    var stop: (segment: Int, frame: Int)?
    var rest: [UInt8] = []
  }

  func progress(after byteCount: Int) -> Progress {
    var progress = Progress(queuedBytes: min(byteCount, queuedBytes), completeMoves: 0)
    var left = byteCount - progress.queuedBytes
    guard progress.queuedBytes == queuedBytes else { return progress }
    for move in moves {
      for index in move.segments {
        let segment = segments[index]
        if left < segment.byteCount {
          stop(in: index, after: left, &progress)
          return progress
        }
        left -= segment.byteCount
        progress.frames += segment.frames.count
      }
      progress.completeMoves += 1
    }
    if let tail = unsafe tail, left < tail.count { progress.rest = unsafe [UInt8](tail.dropFirst(left)) }
    return progress
  }

  private func stop(in index: Int, after byteCount: Int, _ progress: inout Progress) {
    let segment = segments[index]
    let sent = segment.block.start(segment.frames.lowerBound) + byteCount
    var frame = segment.frames.lowerBound
    while segment.block.start(frame + 1) <= sent { frame += 1 }
    progress.frames += frame - segment.frames.lowerBound
    if segment.block.start(frame) < sent {
      // The frame that was begun must be finished whatever happens to its block: the only copy of a frame there is.
      progress.rest = segment.block.bytes(sent..<segment.block.start(frame + 1))
      frame += 1
      progress.frames += 1
    }
    progress.stop = (index, frame)
  }
}
