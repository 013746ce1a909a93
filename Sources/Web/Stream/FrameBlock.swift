// Frames rendered once and shared by all clients.

internal import Codecs
internal import Core

/// Where one frame of a block ends, and what is needed to decide who gets it when.
struct FrameEntry: BitwiseCopyable {
  /// The record's offset in its partition.
  var offset: Int64
  var eventTimeMillis: Int64
  /// The index after the frame's last byte; it begins where the one before ends.
  var end: UInt32
  /// The key's index in the stream's key table.
  var key: Int32
}

/// A fixed run of memory that one writer fills with WebSocket frames, front to back, and many threads read.
///
/// Nothing below a count that was handed out ever changes. Readers take the count from where it was handed out under
/// a lock (`FrameRun`), never from the block, whose own counts belong to the writer.
@safe final class FrameBlock: @unchecked Sendable {  // Sendable: written by one thread beyond what others read.
  let byteCapacity: Int
  private let bytes: UnsafeMutableRawPointer
  private let entries: UnsafeMutablePointer<FrameEntry>
  private var writtenFrames = 0
  private var writtenBytes = 0
  private var header = ByteWriter(capacity: 16)

  init(byteCapacity: Int = Limits.Stream.blockBytes) {
    self.byteCapacity = byteCapacity
    unsafe bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCapacity, alignment: 16)
    unsafe entries = UnsafeMutablePointer<FrameEntry>.allocate(capacity: Limits.Stream.blockFramesMax)
  }

  deinit {
    unsafe bytes.deallocate()
    unsafe entries.deallocate()
  }

  /// What the writer has written so far. Only the writer may ask.
  var written: FrameRun { FrameRun(block: self, frameCount: writtenFrames) }
  var isEmpty: Bool { writtenFrames == 0 }

  /// Adds `payload` as one text frame. Returns false, with nothing changed, when there is no room.
  func append(_ payload: RawSpan, offset: Int64, eventTimeMillis: Int64, key: Int32) -> Bool {
    header.removeAll()
    header.append(webSocketHeader: .text, payloadCount: payload.byteCount)
    let count = header.count + payload.byteCount
    guard writtenFrames < Limits.Stream.blockFramesMax, byteCapacity - writtenBytes >= count else { return false }
    unsafe header.copy(to: bytes + writtenBytes)
    unsafe payload.copy(to: bytes + writtenBytes + header.count)
    writtenBytes += count
    let entry = FrameEntry(
      offset: offset, eventTimeMillis: eventTimeMillis, end: UInt32(truncatingIfNeeded: writtenBytes), key: key)
    unsafe (entries + writtenFrames).initialize(to: entry)
    writtenFrames += 1
    return true
  }

  /// `index` must be below a count that was handed out.
  @inline(__always) func entry(_ index: Int) -> FrameEntry { unsafe entries[index] }
  @inline(__always) func start(_ index: Int) -> Int { index == 0 ? 0 : Int(unsafe entries[index - 1].end) }
  @inline(__always) func address(_ byte: Int) -> UnsafeRawPointer { unsafe UnsafeRawPointer(bytes + byte) }

  /// The bytes of a range, for tests and for the rest of a frame that was sent in part.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: address(range.lowerBound), count: range.count))
  }
}

/// A block and how many of its frames may be read.
struct FrameRun: Sendable {
  var block: FrameBlock
  var frameCount: Int

  var byteCount: Int { block.start(frameCount) }

  /// The first frame at or after `offset`; `frameCount` if there is none.
  func firstFrame(atOrAfter offset: Int64) -> Int {
    var low = 0
    var high = frameCount
    while low < high {
      let middle = (low + high) / 2
      if block.entry(middle).offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension RawSpan {
  /// Copies the bytes to memory that has room for them.
  @unsafe func copy(to target: UnsafeMutableRawPointer) {
    unsafe withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe target.copyMemory(from: start, byteCount: source.count)
    }
  }
}

extension ByteWriter {
  @unsafe fileprivate func copy(to target: UnsafeMutableRawPointer) { unsafe bytes.copy(to: target) }
}
