// A batch on its way to the brokers: its records point into it, so it stays until the last one is delivered.

internal import CKafka
internal import Codecs
internal import Core
internal import Log
internal import Synchronization

/// Owns the decompressed records of one append. Made by the appending thread, which hands each record to librdkafka
/// with a pointer into this; librdkafka's delivery reports, all from the producer's thread, count them back. The last
/// one, or a failure that leaves none, lets it go to `onEnd`.
@safe final class OutgoingBatch: @unchecked Sendable {  // `records` changes in `init` only; the rest are atomics.
  let partition: KafkaPartition
  /// Of the partition's appends, counted from 0.
  let number: UInt64
  let completion: AppendCompletion?
  private var records = RecordBatchReader()
  private let recordCount: Int
  private let onEnd: @Sendable (OutgoingBatch) -> Void
  /// Records without a delivery report.
  private let remaining: Atomic<Int>
  private let reported = Atomic<Int>(0)
  private let firstOffset = Atomic<Int64>(-1)
  private let failure = Mutex<KafkaError?>(nil)

  /// Decompresses and checks every record: what is handed to librdkafka is never found to be broken halfway.
  init(
    _ batch: EncodedBatch, of partition: KafkaPartition, number: UInt64, completion: AppendCompletion?,
    onEnd: @escaping @Sendable (OutgoingBatch) -> Void
  ) throws(LogError) {
    self.partition = partition
    self.number = number
    self.completion = completion
    self.onEnd = onEnd
    recordCount = batch.recordCount
    remaining = Atomic(batch.recordCount)
    do throws(CodecError) {
      let encoded = batch.bytes
      let header = try records.open(unsafe encoded.span.bytes, verifyingChecksum: false)
      guard !header.isControl else { throw .malformed(at: 21, reason: "a control batch") }
      try Self.check(records)
    } catch {
      throw .invalidBatch("\(error)")
    }
  }

  private static func check(_ records: borrowing RecordBatchReader) throws(CodecError) {
    var cursor = records.records
    while try cursor.advance() {
      guard cursor.record.timestampMillis > 0 else {
        // librdkafka takes 0 for now, and a broker refuses what is below.
        throw .malformed(at: 0, reason: "a record's time before 1970-01-01T00:00:00.001Z, which Kafka does not keep")
      }
      let headers = cursor.storedHeaders
      guard cursor.key.byteCount + cursor.value.byteCount + headers.byteCount <= Limits.Kafka.recordBytesMax - 100
      else {
        throw .tooLarge(at: 0, reason: "a record of more than \(Limits.Kafka.recordBytesMax) bytes")
      }
      var walk = try RecordHeaders(headers)
      while try walk.advance() {}
    }
  }

  /// What became of it, once it has ended.
  var result: Result<Int64, LogError> {
    if let failure = failure.withLock({ $0 }) { return .failure(failure.logError) }
    let first = firstOffset.load(ordering: .acquiring)
    guard first >= 0 else { return .failure(.unavailable("written, but no broker said at which offset")) }
    return .success(first)
  }

  /// The offset behind the last record.
  var endOffset: Int64? { (try? result.get()).map { $0 + Int64(recordCount) } }

  /// Hands all records to librdkafka, in order; blocks while its queue is full. To be called once, by the one thread
  /// that holds the partition's turn. What goes wrong is in the result, like everything later.
  func send(_ topic: KafkaTopic) {
    let opaque = unsafe Unmanaged.passRetained(self).toOpaque()
    var sent = 0
    var refusal: KafkaError?
    var cursor = records.records
    // The records were all read before: this cannot fail.
    while refusal == nil, (try? cursor.advance()) == true {
      let code = unsafe Self.send(cursor, topic, Int32(clamping: partition.index), opaque)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { sent += 1 } else { refusal = KafkaError(code, "appending") }
    }
    if let refusal {
      let error = refusal.consequence == .fatal ? topic.handle.fatalError ?? refusal : refusal
      fail(error)
    }
    if sent < recordCount { finish(recordCount - sent) }
  }

  private static func send(
    _ cursor: borrowing RecordCursor, _ topic: KafkaTopic, _ partition: Int32, _ opaque: UnsafeMutableRawPointer
  ) -> rd_kafka_resp_err_t {
    let record = cursor.record
    let headers = unsafe encoded(cursor.storedHeaders)
    // An empty key or value is not a null one: it has an address.
    let code = unsafe record.key.withUnsafeBytes { key in
      unsafe record.value.withUnsafeBytes { value in
        unsafe millrace_kafka_produce(
          topic.handle.raw, topic.raw, partition, record.timestampMillis,
          record.hasKey ? key.baseAddress ?? emptyAddress : nil, key.count,
          record.hasValue ? value.baseAddress ?? emptyAddress : nil, value.count, headers, opaque)
      }
    }
    // What was not taken is still ours.
    if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers = unsafe headers { unsafe rd_kafka_headers_destroy(headers) }
    return code
  }

  private static var emptyAddress: UnsafeRawPointer? { unsafe UnsafeRawPointer(bitPattern: 16) }

  /// librdkafka's list of the headers of one record, which it copies; nil for none.
  private static func encoded(_ section: RawSpan) -> OpaquePointer? {
    guard var walk = try? RecordHeaders(section), walk.count > 0 else { return nil }
    let list = unsafe rd_kafka_headers_new(walk.count)
    while (try? walk.advance()) == true {
      let (name, value, hasValue) = (walk.name, walk.value, walk.hasValue)
      unsafe name.withUnsafeBytes { name in
        unsafe value.withUnsafeBytes { value in
          let start = unsafe name.baseAddress?.assumingMemoryBound(to: CChar.self)
          let content = unsafe hasValue ? value.baseAddress ?? emptyAddress : nil
          _ = unsafe rd_kafka_header_add(list, start, name.count, content, value.count)
        }
      }
    }
    return unsafe list
  }

  private func fail(_ error: KafkaError) { failure.withLock { $0 = $0 ?? error } }

  /// Takes `count` records off those under way; with the last one the batch has ended.
  private func finish(_ count: Int) {
    guard remaining.wrappingSubtract(count, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    onEnd(self)
    // The reference that the records held.
    unsafe Unmanaged.passUnretained(self).release()
  }

  /// One record's fate; on the producer's thread.
  private func report(_ error: rd_kafka_resp_err_t, offset: Int64) {
    // Reports of one partition come in the order of its records.
    let index = Int64(reported.wrappingAdd(1, ordering: .relaxed).oldValue)
    if error != RD_KAFKA_RESP_ERR_NO_ERROR {
      fail(KafkaError(error, "appending"))
    } else if offset >= 0, firstOffset.load(ordering: .relaxed) < 0 {
      // A retried record may have none: then a later one tells.
      firstOffset.store(offset - index, ordering: .releasing)
    }
    finish(1)
  }

  /// For `rd_kafka_conf_set_dr_msg_cb`.
  static let deliveryReport:
    @convention(c) (OpaquePointer?, UnsafePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?) -> Void = {
      _, message, _ in
      guard let message = unsafe message, let opaque = unsafe message.pointee._private else { return }
      let batch = unsafe Unmanaged<OutgoingBatch>.fromOpaque(opaque).takeUnretainedValue()
      unsafe batch.report(message.pointee.err, offset: message.pointee.offset)
    }
}
