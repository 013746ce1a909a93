// Whole batches from one encoding of their values into another; everything else of a record stays.

extension ValueEncoding {
  /// `batch` as it is stored.
  package func stored(_ batch: EncodedBatch) throws(CodecError) -> EncodedBatch {
    let bytes = batch.bytes
    var reader = RecordBatchReader()
    let header = try reader.open(unsafe bytes.span.bytes, verifyingChecksum: false)
    var writer = RecordBatchWriter()
    var scratch = ByteWriter()
    var cursor = reader.records
    while try cursor.advance() {
      let record = cursor.record
      let key = record.hasKey ? record.key : nil
      scratch.removeAll()
      if record.hasValue {
        store(record.value, into: &scratch)
        writer.append(
          timestampMillis: record.timestampMillis, key: key, value: scratch.bytes, headers: cursor.storedHeaders)
      } else {
        writer.append(timestampMillis: record.timestampMillis, key: key, value: nil, headers: cursor.storedHeaders)
      }
    }
    return writer.finish(compression: header.compression)
  }

  /// Replaces the stored batches that begin at byte `start` of `buffer`, and end with it, by what they are handled as:
  /// the same offsets, times, keys and headers. Control batches are as they were.
  package func load(_ buffer: inout ByteWriter, from start: Int) throws(CodecError) {
    var output = ByteWriter(capacity: buffer.count - start)
    var reader = RecordBatchReader()
    var place = start
    while place < buffer.count {
      let rest = buffer.bytes.extracting(place..<buffer.count)
      let header = try reader.open(rest, verifyingChecksum: false)
      if header.isControl {
        output.append(rest.extracting(0..<header.byteCount))
      } else {
        try load(header, reader, into: &output)
      }
      place += header.byteCount
    }
    buffer.truncate(to: start)
    buffer.append(output.bytes)
  }

  private func load(
    _ header: RecordBatchHeader, _ reader: borrowing RecordBatchReader, into output: inout ByteWriter
  ) throws(CodecError) {
    var framer = RecordBatchFramer(baseOffset: header.baseOffset, in: &output)
    var scratch = ByteWriter()
    var cursor = reader.records
    while try cursor.advance() {
      let record = cursor.record
      guard framer.canHold(record.offset) else {
        throw .malformed(at: 0, reason: "a record's offset that is not after the one before")
      }
      let (time, key) = (record.timestampMillis, record.hasKey ? record.key : nil)
      scratch.removeAll()
      if record.hasValue {
        load(record.value, into: &scratch)
        framer.append(
          offset: record.offset, timestampMillis: time, key: key, value: scratch.bytes, headers: cursor.storedHeaders,
          to: &output)
      } else {
        framer.append(
          offset: record.offset, timestampMillis: time, key: key, value: nil, headers: cursor.storedHeaders,
          to: &output)
      }
    }
    framer.finish(at: header.lastOffset + 1, in: &output)
  }

  /// The other encoding that the stored batches are in, for a person: where none of their records is in this one, and
  /// one is in another.
  package func conflict(in batches: RawSpan) -> String? {
    var reader = RecordBatchReader()
    var found: String?
    var place = 0
    while place < batches.byteCount {
      let rest = batches.extracting(place..<batches.byteCount)
      guard let header = try? reader.open(rest, verifyingChecksum: false) else { return found }
      var cursor = reader.records
      while (try? cursor.advance()) == true {
        guard let form = form(of: cursor.value) else { continue }
        if form == self.form { return nil }
        found = found ?? Self.name(form)
      }
      place += header.byteCount
    }
    return found
  }
}
