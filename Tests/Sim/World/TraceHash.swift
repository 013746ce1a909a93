// What happened in a run, as one number.

/// FNV-1a over the words of everything that happened: two runs of a seed must give the same.
struct TraceHash {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
  private let isVerbose: Bool

  init(isVerbose: Bool) { self.isVerbose = isVerbose }

  mutating func add(_ what: @autoclosure () -> String, _ words: Int64...) {
    for word in words { add(word) }
    if isVerbose { print(what(), words) }
  }

  private mutating func add(_ word: Int64) {
    value = (value ^ UInt64(bitPattern: word)) &* 0x100_0000_01b3
    value ^= value >> 29
  }
}

/// A digest of bytes, for comparing what was read with what was written.
struct ByteDigest: Equatable, Hashable {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ bytes: RawSpan) {
    var position = 0
    while position + 8 <= bytes.byteCount {
      add(bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
      position += 8
    }
    while position < bytes.byteCount {
      add(UInt64(bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)))
      position += 1
    }
    add(UInt64(bytes.byteCount))
  }

  mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x9e37_79b9_7f4a_7c15
    value ^= value >> 32
  }
}
