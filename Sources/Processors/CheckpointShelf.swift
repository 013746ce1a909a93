// Which checkpoints there are, which are kept, and what identifies the history that they belong to.

import Codecs
import Log

/// The checkpoints of one task in a store, under names that sort by input offset, and beside them the fingerprint of
/// what built the derived partitions: after all checkpoints are lost it still tells whether these can be continued.
struct CheckpointShelf<Store: CheckpointStore> {
  let store: Store
  /// How many of the newest are kept.
  let newestCount: Int
  /// How many older ones are kept at most, for time travel; when there are more, every second of them goes.
  let olderMax: Int

  private static var prefix: String { "checkpoint-" }
  private static var fingerprintName: String { "fingerprint" }

  private static func name(_ position: Int64) -> String {
    let digits = String(position)
    return prefix + String(repeating: "0", count: max(19 - digits.count, 0)) + digits
  }

  /// Names of checkpoints, oldest first.
  func names() throws(LogError) -> [String] { try store.names().filter { $0.hasPrefix(Self.prefix) } }

  /// The input offset of the oldest of the newest ones, or nil if there is none: what is before is not gone on from.
  func oldestOfNewest() throws(LogError) -> Int64? {
    try names().suffix(max(newestCount, 1)).first.flatMap { Int64($0.dropFirst(Self.prefix.utf8.count)) }
  }

  func load(_ name: String) throws(LogError) -> Result<Checkpoint, CodecError> {
    let content = try store.load(name) ?? []
    do throws(CodecError) {
      return .success(try Checkpoint(decoding: unsafe content.span.bytes))
    } catch {
      return .failure(error)
    }
  }

  /// Stores `checkpoint`, then removes those that need not be kept.
  func save(_ checkpoint: Checkpoint) throws(LogError) {
    var writer = ByteWriter(capacity: checkpoint.state.count + 4096)
    checkpoint.encode(into: &writer)
    try store.save(Self.name(checkpoint.position), writer.bytes)
    let older = try names().dropLast(newestCount)
    guard older.count > olderMax else { return }
    for (index, name) in older.enumerated() where olderMax == 0 || index % 2 == 1 { try store.remove(name) }
  }

  func removeAll() throws(LogError) {
    for name in try names() { try store.remove(name) }
  }

  /// The fingerprint of what built the derived partitions, or nil if there is none or it is damaged.
  func fingerprint() throws(LogError) -> [UInt8]? {
    guard let content = try store.load(Self.fingerprintName), content.count == 36 else { return nil }
    let fingerprint = Array(content[..<32])
    return content == Self.sealed(fingerprint) ? fingerprint : nil
  }

  func save(fingerprint: [UInt8]) throws(LogError) {
    let content = Self.sealed(fingerprint)
    try store.save(Self.fingerprintName, unsafe content.span.bytes)
  }

  private static func sealed(_ fingerprint: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: 40)
    writer.append(unsafe fingerprint.span.bytes)
    writer.append(littleEndian: CRC32C.checksum(writer.bytes))
    return writer.copy()
  }
}
