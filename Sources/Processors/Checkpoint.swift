// A moment of a fold, from which it can go on as if it had never stopped.
//
//   0       4         8             16           24             56
//   +-------+---------+-------------+------------+--------------+-------+------------------------------+---------+
//   | magic | version | input epoch | next input | fingerprint  | count | per derived topic: epoch,    | CRC-32C |
//   | MRCP  | u32     | u32, 0      | offset i64 | 32 bytes     | i64   | end, hash; then state's hash | of all  |
//   |       |         |             |            |              |       | 32 bytes, count i64, state   | before  |
//   +-------+---------+-------------+------------+--------------+-------+------------------------------+---------+
//   All little-endian.

import Codecs

/// Where a derived partition ended at a checkpoint.
struct OutputMark: Equatable, Sendable {
  var epoch: UInt32
  /// The offset behind its last record.
  var endOffset: Int64
  /// `RecordHash.save` of all records before it.
  var hash: [UInt8]
}

/// What a task writes beside the log now and then.
struct Checkpoint: Equatable, Sendable {
  static let magic: UInt32 = 0x5043_524d
  static let version: UInt32 = 1

  var inputEpoch: UInt32
  /// The next input offset.
  var position: Int64
  /// Of the processors' versions and everything configured: another one is another history.
  var fingerprint: [UInt8]
  var outputs: [OutputMark]
  /// SHA-256 of `state`: what `verify` compares.
  var stateHash: [UInt8]
  /// `FoldPipeline.save`.
  var state: [UInt8]

  func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: Self.magic)
    writer.append(littleEndian: Self.version)
    writer.append(littleEndian: inputEpoch)
    writer.append(littleEndian: UInt32(0))
    writer.append(littleEndian: position)
    writer.append(unsafe fingerprint.span.bytes)
    writer.append(littleEndian: Int64(outputs.count))
    for output in outputs {
      writer.append(littleEndian: output.epoch)
      writer.append(littleEndian: output.endOffset)
      writer.append(littleEndian: Int64(output.hash.count))
      writer.append(unsafe output.hash.span.bytes)
    }
    writer.append(unsafe stateHash.span.bytes)
    writer.append(littleEndian: Int64(state.count))
    writer.append(unsafe state.span.bytes)
    writer.append(littleEndian: CRC32C.checksum(writer.bytes))
  }

  /// Reads what `encode` wrote. The checksum is over all of it, so whatever decodes is what was written.
  init(decoding bytes: RawSpan) throws(CodecError) {
    guard bytes.byteCount >= 8 else { throw .truncated(at: bytes.byteCount) }
    let body = bytes.extracting(0..<(bytes.byteCount - 4))
    var tail = ByteReader(bytes.extracting((bytes.byteCount - 4)..<bytes.byteCount))
    let expected = try tail.read(littleEndian: UInt32.self)
    let actual = CRC32C.checksum(body)
    guard actual == expected else { throw .checksumMismatch(expected: expected, actual: actual) }
    var reader = ByteReader(body)
    guard try reader.read(littleEndian: UInt32.self) == Self.magic else {
      throw .malformed(at: 0, reason: "not a checkpoint")
    }
    guard try reader.read(littleEndian: UInt32.self) == Self.version else {
      throw .malformed(at: 4, reason: "a checkpoint of another version")
    }
    inputEpoch = try reader.read(littleEndian: UInt32.self)
    try reader.skip(4)
    position = try reader.read(littleEndian: Int64.self)
    fingerprint = [UInt8](try reader.read(count: 32))
    outputs = []
    for _ in 0..<(try reader.readCount(max: ProcessorLimits.topicsMax)) {
      let epoch = try reader.read(littleEndian: UInt32.self)
      let endOffset = try reader.read(littleEndian: Int64.self)
      let hashCount = try reader.readCount(max: reader.remaining)
      outputs.append(
        OutputMark(epoch: epoch, endOffset: endOffset, hash: [UInt8](try reader.read(count: hashCount))))
    }
    stateHash = [UInt8](try reader.read(count: 32))
    let stateCount = try reader.readCount(max: reader.remaining)
    state = [UInt8](try reader.read(count: stateCount))
    guard reader.isAtEnd else { throw .malformed(at: reader.position, reason: "bytes behind the state") }
  }

  init(
    inputEpoch: UInt32, position: Int64, fingerprint: [UInt8], outputs: [OutputMark], stateHash: [UInt8],
    state: [UInt8]
  ) {
    self.inputEpoch = inputEpoch
    self.position = position
    self.fingerprint = fingerprint
    self.outputs = outputs
    self.stateHash = stateHash
    self.state = state
  }
}
