// What is to be sent to one client before anything else.

internal import Codecs

/// Control frames and the unsent rest of a data frame, in order. Without memory while it is empty, which is most of the
/// time. Belongs to one thread.
@safe struct OutQueue: ~Copyable {
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  private var head = 0
  private var end = 0

  deinit { unsafe base?.deallocate() }

  var count: Int { end - head }
  var isEmpty: Bool { head == end }

  /// The unsent bytes; valid until the next change. nil when there are none.
  var start: UnsafeRawPointer? {
    guard !isEmpty, let base = unsafe base else { return nil }
    return unsafe UnsafeRawPointer(base + head)
  }

  mutating func append(_ span: RawSpan) {
    reserve(span.byteCount)
    guard let base = unsafe base else { return }
    unsafe span.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe (base + end).copyMemory(from: start, byteCount: source.count)
    }
    end += span.byteCount
  }

  mutating func consume(_ count: Int) {
    head += count
    guard isEmpty else { return }
    unsafe base?.deallocate()
    unsafe base = nil
    capacity = 0
    head = 0
    end = 0
  }

  mutating func removeAll() { consume(count) }

  private mutating func reserve(_ additional: Int) {
    guard end + additional > capacity else { return }
    let needed = max(count + additional, 2 * count, 64)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: needed, alignment: 16)
    if let start = unsafe start { unsafe larger.copyMemory(from: start, byteCount: count) }
    unsafe base?.deallocate()
    unsafe base = larger
    capacity = needed
    end = count
    head = 0
  }
}
