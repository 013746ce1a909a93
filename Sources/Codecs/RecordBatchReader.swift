// Kafka's record batch v2, the input side.

/// Opens one batch after another in a buffer of its own: no allocation once that is large enough.
@usableFromInline package struct RecordBatchReader: ~Copyable {
  /// The decompressed records of the open batch, and behind them `RecordCursor.padding` bytes that may be read.
  @usableFromInline var buffer = ByteWriter(capacity: 0)
  @usableFromInline var header: RecordBatchHeader?
  private var decompressor = LZ4Decompressor()

  package init() {}

  /// Opens the batch that `bytes` begin with; they may hold more behind it. Throws `.truncated` if they hold less,
  /// `.checksumMismatch` for damage. After an error the reader holds no records.
  @discardableResult
  package mutating func open(_ bytes: RawSpan, verifyingChecksum: Bool) throws(CodecError) -> RecordBatchHeader {
    header = nil
    buffer.removeAll()
    let parsed = try RecordBatchHeader.parse(bytes)
    guard bytes.byteCount >= parsed.byteCount else { throw .truncated(at: bytes.byteCount) }
    if verifyingChecksum { try RecordBatchHeader.checkCRC(bytes) }
    let packed = unsafe bytes.extracting(unchecked: RecordBatchHeader.encodedByteCount..<parsed.byteCount)
    switch parsed.compression {
    case .none: buffer.append(packed)
    case .lz4: try decompressor.append(packed, limit: CodecLimits.batchBytesMax, to: &buffer)
    }
    // The smallest record has seven bytes: a count that cannot be true is found before anyone allocates for it.
    guard parsed.recordCount <= buffer.count / 7 else {
      throw .malformed(at: 57, reason: "more records than the batch has room for")
    }
    buffer.append(zeros: RecordCursor.padding)
    header = parsed
    return parsed
  }

  /// The header of the open batch.
  package var openHeader: RecordBatchHeader? { header }

  /// The records of the open batch, in order.
  @inlinable package var records: RecordCursor {
    @_lifetime(borrow self) get {
      guard let header else { return RecordCursor(padded: RawSpan(), header: nil) }
      return RecordCursor(padded: buffer.bytes, header: header)
    }
  }

  /// Calls `body` with each record of the open batch. Throws what `body` throws, and `.malformed` or `.truncated` with
  /// the offset in the decompressed records where they break the format; `body` has seen those before it.
  @inlinable @inline(__always)
  package func forEachRecord(_ body: (RecordView) throws(CodecError) -> Void) throws(CodecError) {
    var cursor = records
    while try cursor.advance() { try body(cursor.record) }
  }
}
