// One record batch of ticks, decoded: what moves from the log to the folds.

package import Codecs

/// A record that is no tick: a copy of it for the dead-letter topic, and why.
package struct UndecodableTick: Equatable, Sendable {
  package var offset: Int64
  package var timestampMillis: Int64
  package var key: [UInt8]
  package var value: [UInt8]
  package var error: CodecError
}

/// The rows of one batch in a buffer that is reused, and the tables of names that stay from batch to batch. Once the
/// buffers have grown to the largest batch, decoding allocates nothing. One thread at a time.
@safe package struct TickBatch: ~Copyable, @unchecked Sendable {  // Sole owner of its memory.
  /// Instruments and sources in the order of first sight, a function of the input alone. Part of a checkpoint.
  package var instruments = ByteInterner()
  package var sources = ByteInterner()
  /// The records that are no ticks, in order; the rows are without them.
  package private(set) var undecodable: [UndecodableTick] = []
  private var reader = RecordBatchReader()
  private var base: UnsafeMutablePointer<TickRow>
  private var capacity = 1024
  /// Rows of the batch that was decoded last.
  package private(set) var count = 0

  package init() { unsafe base = UnsafeMutablePointer<TickRow>.allocate(capacity: 1024) }

  deinit { unsafe base.deallocate() }

  /// The rows, in the order of their offsets.
  package var rows: Span<TickRow> {
    @_lifetime(borrow self) get {
      let span = unsafe Span(_unsafeStart: base, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Decodes the batch that `bytes` begin with, in place of the one before; records before `offset` are left out.
  /// Throws where the batch itself is damaged, with no rows. A damaged record only joins `undecodable`.
  @discardableResult
  package mutating func decode(
    _ bytes: RawSpan, verifyingChecksum: Bool, from offset: Int64 = 0
  ) throws(CodecError) -> RecordBatchHeader {
    count = 0
    if !undecodable.isEmpty { undecodable.removeAll() }
    let header = try reader.open(bytes, verifyingChecksum: verifyingChecksum)
    if capacity < header.recordCount { grow(to: header.recordCount) }
    do throws(CodecError) {
      count = try unsafe Self.fill(
        base, from: reader, startingAt: offset, &instruments, &sources, undecodable: &undecodable)
    } catch {
      undecodable.removeAll()
      throw error
    }
    return header
  }

  /// Returns the number of rows written to `rows`, which has room for all records of the open batch.
  private static func fill(
    _ rows: UnsafeMutablePointer<TickRow>, from reader: borrowing RecordBatchReader, startingAt offset: Int64,
    _ instruments: inout ByteInterner, _ sources: inout ByteInterner, undecodable: inout [UndecodableTick]
  ) throws(CodecError) -> Int {
    var filled = 0
    var cursor = reader.records
    while try unsafe fillFast(rows, &filled, from: &cursor, startingAt: offset, instruments, sources) {
      let record = cursor.record
      do throws(CodecError) {
        unsafe rows[filled] = try TickDecoder.decodeExactly(record, instruments: &instruments, sources: &sources)
        filled &+= 1
      } catch {
        undecodable.append(
          UndecodableTick(
            offset: record.offset, timestampMillis: record.timestampMillis, key: [UInt8](record.key),
            value: [UInt8](record.value), error: error))
      }
    }
    return filled
  }

  /// Goes on until a record needs the exact way (true) or there is none left (false).
  @_lifetime(place: copy place)
  private static func fillFast(
    _ rows: UnsafeMutablePointer<TickRow>, _ count: inout Int, from place: inout RecordCursor,
    startingAt offset: Int64, _ instruments: borrowing ByteInterner, _ sources: borrowing ByteInterner
  ) throws(CodecError) -> Bool {
    // Copies, which stay in registers.
    var cursor = place
    var filled = count
    var isAtEnd = true
    while try cursor.advance() {
      if cursor.offset < offset { continue }
      guard
        let row = TickDecoder.decodeFast(
          cursor.bytes, keyStart: cursor.keyStart, keyCount: max(cursor.keyCount, 0), cursor.bytes,
          valueStart: cursor.valueStart, valueCount: cursor.valueCount, offset: cursor.offset,
          instruments: instruments, sources: sources)
      else {
        isAtEnd = false
        break
      }
      unsafe rows[filled] = row
      filled &+= 1
    }
    place = cursor
    count = filled
    return !isAtEnd
  }

  private mutating func grow(to wanted: Int) {
    unsafe base.deallocate()
    capacity = wanted
    unsafe base = UnsafeMutablePointer<TickRow>.allocate(capacity: wanted)
  }
}
