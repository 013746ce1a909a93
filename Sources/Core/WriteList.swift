// The runs of bytes that one gathering write sends.

internal import CPlatform

/// Up to `capacity` borrowed runs of bytes, in order. Whoever appends a run keeps its memory alive until the write is
/// done; the list itself owns none. Reused by `removeAll()`. Used by one thread at a time.
@safe package struct WriteList: ~Copyable {
  /// In the layout of C's `iovec`: address, then count.
  let base: UnsafeMutableRawPointer
  package let capacity: Int
  package private(set) var count = 0
  package private(set) var byteCount = 0

  package init(capacity: Int) {
    self.capacity = capacity
    unsafe base = UnsafeMutableRawPointer.allocate(
      byteCount: capacity * MemoryLayout<iovec>.stride, alignment: MemoryLayout<iovec>.alignment)
  }

  deinit { unsafe base.deallocate() }

  package var isEmpty: Bool { count == 0 }
  package var isFull: Bool { count == capacity }

  package mutating func removeAll() {
    count = 0
    byteCount = 0
  }

  /// Adds a run of at least one byte. There must be room.
  package mutating func append(_ start: UnsafeRawPointer, count bytes: Int) {
    precondition(count < capacity && bytes > 0)
    let run = unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: start), iov_len: bytes)
    unsafe base.storeBytes(of: run, toByteOffset: count * MemoryLayout<iovec>.stride, as: iovec.self)
    count += 1
    byteCount += bytes
  }
}
