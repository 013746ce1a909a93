// The newest offset of each key in a stretch of a topic: what compaction decides by, within a named bound.

internal import Codecs
internal import Core

/// Keys are compared as bytes, not by a hash of them: a collision would lose a record.
struct NewestOffsets: ~Copyable {
  private var keys = ByteInterner()
  private var newest: [Int64] = []
  private var keyBytes = 0
  private let keysMax: Int

  init(keysMax: Int) { self.keysMax = keysMax }

  /// Takes note of a record. False, with nothing noted, once there is no room for one more key.
  mutating func note(_ key: RawSpan, offset: Int64) -> Bool {
    let known = keys.find(key)
    if known >= 0 {
      newest[Int(known)] = offset
      return true
    }
    guard newest.count < keysMax, keyBytes + key.byteCount <= Limits.logCompactionKeyBytesMax else { return false }
    keyBytes += key.byteCount
    _ = keys.intern(key)
    newest.append(offset)
    return true
  }

  /// The newest offset of the key in the stretch, or nil if it is not there.
  func offset(of key: RawSpan) -> Int64? {
    let index = keys.find(key)
    return index < 0 ? nil : newest[Int(index)]
  }
}
