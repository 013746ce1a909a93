// What the tools of the log say about stored bytes: batches, stretches that are none, and damage by file and byte.

internal import Codecs

/// One record batch as it lies in a segment.
package struct StoredBatch: Equatable, Sendable {
  /// Its first byte in the segment.
  package var byte: Int64
  package var byteCount: Int
  package var baseOffset: Int64
  package var lastOffset: Int64
  package var recordCount: Int
  package var baseTimestampMillis: Int64
  package var maxTimestampMillis: Int64
  /// The three bits of the attributes that name the codec: 0 none, 1 gzip, 2 snappy, 3 LZ4, 4 zstd.
  package var compression: UInt8
  package var checksum: UInt32
}

/// Bytes of a segment that are not what was written there.
package struct DamagedStretch: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// No batch that can be read. A count of 0 bytes says that batches are missing at this place.
    case unreadable
    /// A whole batch whose offset or epoch, which no checksum covers, is wrong; its place tells the right one.
    case prefix
    /// The checksum is right and the records do not decode: it was stored like this.
    case content
  }

  package var kind: Kind
  package var byte: Int64
  package var byteCount: Int64
  package var reason: String
}

/// What a walk over a segment meets.
package enum SegmentPart: Equatable, Sendable {
  case batch(StoredBatch)
  case damage(DamagedStretch)
}

/// Something wrong in a log, with the file and the byte.
package struct LogDamage: Equatable, Sendable {
  package enum Kind: String, Sendable {
    /// `partition.meta` or the set of files does not hold together.
    case manifest
    /// A segment's bytes.
    case segment
    /// A file that can be made again from the segment, and is when the log is opened.
    case index
    /// Bytes after the last whole batch: what a crash leaves. The next opening for writing cuts them off.
    case tail

    /// Opening the log for writing puts it right.
    package var isPassing: Bool { self == .index || self == .tail }
  }

  package var kind: Kind
  package var file: String
  package var byte: Int64
  package var reason: String
}

extension StoredBatch {
  /// The name of the codec.
  package var compressionName: String {
    switch compression {
    case 0: "none"
    case 1: "gzip"
    case 2: "snappy"
    case 3: "lz4"
    case 4: "zstd"
    default: "unknown"
    }
  }

  /// What stands at `start` of `bytes`, where `frame` was read.
  init(_ frame: BatchFrame, _ bytes: RawSpan, at start: Int, byte: Int64) {
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T {
      T(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start + offset, as: T.self))
    }
    self.byte = byte
    byteCount = frame.byteCount
    baseOffset = frame.baseOffset
    lastOffset = frame.lastOffset
    recordCount = frame.recordCount
    baseTimestampMillis = load(27, Int64.self)
    maxTimestampMillis = frame.maxTimestampMillis
    compression = UInt8(truncatingIfNeeded: load(21, UInt16.self) & 7)
    checksum = load(17, UInt32.self)
  }
}
