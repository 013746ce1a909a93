// The keys of a stream as dense indices.

internal import Codecs
internal import Synchronization

/// Every key that was ever seen in the stream's log, numbered in the order of their first sight. Only keys of records
/// come in, never what a client asks for, so that clients cannot make it grow. Safe to use from any thread.
final class KeyTable: Sendable {
  private let interner = Mutex(ByteInterner())
  private let storedCount = Atomic<Int>(0)

  /// How many there are; those below never change.
  var count: Int { storedCount.load(ordering: .acquiring) }

  func index(of key: RawSpan) -> Int32 {
    interner.withLock { interner in
      let index = interner.intern(key)
      storedCount.store(interner.count, ordering: .releasing)
      return index
    }
  }

  func find(_ key: [UInt8]) -> Int32? {
    interner.withLock { interner in
      let index = unsafe interner.find(key.span.bytes)
      return index < 0 ? nil : index
    }
  }
}

/// One thread's copy of the part of a table that it has met: no lock for a key that was seen before.
struct KeyCache: ~Copyable {
  private let table: KeyTable
  private var interner = ByteInterner()
  /// The table's index of each key of `interner`.
  private var indices: [Int32] = []

  init(_ table: KeyTable) { self.table = table }

  mutating func index(of key: RawSpan) -> Int32 {
    let local = Int(interner.intern(key))
    if local == indices.count { indices.append(table.index(of: key)) }
    return indices[local]
  }
}

/// The keys that a subscription wants, as one bit each. A value: each thread keeps its own and extends it by itself.
struct KeyFilter {
  private let table: KeyTable
  /// Wanted keys that are not in the table yet; nil when every key is wanted.
  private var unknown: [[UInt8]]?
  private var bits: [UInt64] = []
  /// How many keys the table had when `unknown` were last looked up.
  private var tableCount = 0

  /// nil wants every key.
  init(_ keys: [[UInt8]]?, in table: KeyTable) {
    self.table = table
    unknown = keys
    extend()
  }

  var wantsAll: Bool { unknown == nil }

  /// Looks up the keys that were unknown so far, if the table has grown. Call before matching what came since.
  mutating func extend() {
    let count = table.count
    guard count > tableCount else { return }
    tableCount = count
    guard let wanted = unknown, !wanted.isEmpty else { return }
    var missing: [[UInt8]] = []
    for key in wanted {
      if let index = table.find(key) { add(index) } else { missing.append(key) }
    }
    unknown = missing
  }

  private mutating func add(_ key: Int32) {
    let word = Int(key) >> 6
    while bits.count <= word { bits.append(0) }
    bits[word] |= 1 << UInt64(key & 63)
  }

  @inline(__always) func matches(_ key: Int32) -> Bool {
    if unknown == nil { return true }
    let word = Int(key) >> 6
    return word < bits.count && bits[word] & (1 << UInt64(key & 63)) != 0
  }
}
