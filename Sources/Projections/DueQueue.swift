// The rate limit of derived events: who may speak again, and when.

package import Codecs
import Processors

/// The keys that emitted less than an interval ago, in the order of their emissions. As the interval is the same for
/// all, that is also the order in which they come due, and looking at the head is enough. Time is the append time that
/// records carry: the same input is limited in the same way at whatever speed it is folded.
package struct DueQueue: ~Copyable {
  package struct Entry: BitwiseCopyable {
    package var emittedNanos: Int64
    package var key: Int
  }

  private var ring = Slab<Entry>(filler: Entry(emittedNanos: 0, key: 0), count: 16)
  private var head = 0
  @usableFromInline var storedCount = 0
  /// The head's emission; only meaningful while the queue is not empty.
  @usableFromInline var headNanos: Int64 = 0
  @usableFromInline let intervalNanos: Int64

  package init(intervalNanos: Int64) { self.intervalNanos = intervalNanos }

  package var count: Int { storedCount }

  /// Whether the head may speak at `appendNanos`. An append time before the head's emission means that the wall clock
  /// was set back; then the head is due as well, lest it stays silent until the clock is there again.
  @inlinable @inline(__always) package func isDue(at appendNanos: Int64) -> Bool {
    storedCount > 0 && UInt64(bitPattern: appendNanos &- headNanos) >= UInt64(bitPattern: intervalNanos)
  }

  /// Takes the head off. Call only after `isDue` said so.
  package mutating func pop() -> Int {
    let key = ring[head].key
    head = (head + 1) & (ring.count - 1)
    storedCount -= 1
    if storedCount > 0 { headNanos = ring[head].emittedNanos }
    return key
  }

  /// Remembers that `key`, which is not in the queue, emitted at `emittedNanos`.
  package mutating func push(_ key: Int, emittedNanos: Int64) {
    if storedCount == ring.count { grow() }
    ring[(head + storedCount) & (ring.count - 1)] = Entry(emittedNanos: emittedNanos, key: key)
    if storedCount == 0 { headNanos = emittedNanos }
    storedCount += 1
  }

  private mutating func grow() {
    var larger = Slab<Entry>(filler: Entry(emittedNanos: 0, key: 0), count: ring.count * 2)
    for index in 0..<storedCount { larger[index] = ring[(head + index) & (ring.count - 1)] }
    ring = larger
    head = 0
  }

  package func save(into writer: inout ByteWriter) {
    writer.append(littleEndian: Int64(storedCount))
    for index in 0..<storedCount {
      let entry = ring[(head + index) & (ring.count - 1)]
      writer.append(littleEndian: entry.emittedNanos)
      writer.append(littleEndian: Int32(truncatingIfNeeded: entry.key))
    }
  }

  /// Reads what `save` wrote; keys are below `keyCount`.
  package mutating func restore(from reader: inout ByteReader, keyCount: Int) throws(CodecError) {
    let count = try reader.readCount(max: keyCount)
    for _ in 0..<count {
      let emitted = try reader.read(littleEndian: Int64.self)
      let at = reader.position
      let key = Int(try reader.read(littleEndian: Int32.self))
      guard key >= 0, key < keyCount else { throw .malformed(at: at, reason: "a key that does not exist") }
      push(key, emittedNanos: emitted)
    }
  }
}
