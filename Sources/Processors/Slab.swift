// Dense state: plain values side by side, found by index, saved as they lie.

/// A growable array of plain values with one owner. Unlike `Array` it is neither copied on write nor counted, so that a
/// fold's state costs an address computation and a bounds check. New elements are `filler`.
@safe @usableFromInline package struct Slab<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<Element>
  @usableFromInline var capacity: Int
  @usableFromInline var storedCount: Int
  @usableFromInline let filler: Element

  @inlinable package var count: Int { storedCount }

  @inlinable package init(filler: Element, count: Int = 0) {
    capacity = max(count, 16)
    unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    unsafe base.initialize(repeating: filler, count: count)
    storedCount = count
    self.filler = filler
  }

  // Elements are plain: there is nothing to deinitialize.
  deinit { unsafe base.deallocate() }

  /// Addressed directly: a coroutine per access would cost more than the access.
  @inlinable package subscript(index: Int) -> Element {
    @_transparent unsafeAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: storedCount))
      return unsafe UnsafePointer(base + index)
    }
    @_transparent unsafeMutableAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: storedCount))
      return unsafe base + index
    }
  }

  /// The elements, for a loop over all of them.
  @inlinable package var span: Span<Element> {
    @_lifetime(borrow self) get {
      let span = unsafe Span(_unsafeStart: base, count: storedCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  @inlinable package mutating func append(_ element: Element) {
    reserve(storedCount &+ 1)
    unsafe base[storedCount] = element
    storedCount &+= 1
  }

  @inlinable package mutating func removeAll() { storedCount = 0 }

  /// Makes the count at least `count`, with fillers.
  package mutating func extend(to count: Int) {
    guard count > storedCount else { return }
    reserve(count)
    unsafe (base + storedCount).initialize(repeating: filler, count: count - storedCount)
    storedCount = count
  }

  /// Gives each group of `stride` elements the room of `larger`, with fillers behind: a wider row per key.
  package mutating func widen(stride: Int, to larger: Int) {
    precondition(stride > 0 && larger >= stride && storedCount % stride == 0)
    let groups = storedCount / stride
    var wider = Slab(filler: filler, count: groups * larger)
    for group in 0..<groups {
      for index in 0..<stride { wider[group * larger + index] = self[group * stride + index] }
    }
    self = wider
  }

  @inlinable package mutating func reserve(_ wanted: Int) {
    if wanted > capacity { grow(wanted) }
  }

  @usableFromInline @inline(never) mutating func grow(_ wanted: Int) {
    var larger = capacity
    while larger < wanted { larger *= 2 }
    let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
    unsafe moved.update(from: base, count: storedCount)
    unsafe base.deallocate()
    unsafe base = moved
    capacity = larger
  }
}
